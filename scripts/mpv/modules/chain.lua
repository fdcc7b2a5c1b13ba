-- An option as the filter takes it: steps, the filter's text, and words for people. No player needed.

local json = require "json"

local chain = {}

local function copied(step)
    local copy = {}
    for key, value in pairs(step) do
        copy[key] = value
    end
    return copy
end

-- Return the steps of an option: the motion first, because it costs less before the picture is enlarged.
function chain.steps(option)
    local steps = {}
    if option.motion then
        steps[1] = copied(option.motion.step)
        steps[1].multiplier = option.factor.text
    end
    for _, step in ipairs(option.picture and option.picture.steps or {}) do
        steps[#steps + 1] = step
    end
    return steps
end

-- Return what the script is given, as JSON: the chain, whether half of the picture stays as it was, whether frames in
-- between may come a moment late after a seek, and where seeks are told. `seeks`: {path, since} of seeks.known, or nil.
function chain.user_data(option, split, seeks)
    return json.text({
        chain = chain.steps(option), compare = split and "split" or "off", late = option.motion ~= nil,
        seeks = seeks and seeks.path, since = seeks and seeks.since,
    })
end

local function quoted(text)
    return string.format("%%%d%%%s", #text, text)  -- mpv's own quoting: the length, so that nothing needs escaping
end

-- Return the filter for mpv's `vf add`.
--   window: {buffered, concurrent}: frames
function chain.filter(label, script, window, user_data)
    return string.format("@%s:vapoursynth=file=%s:buffered-frames=%d:concurrent-frames=%d:user-data=%s",
                         label, quoted(script), window.buffered, window.concurrent, quoted(user_data))
end

local function step_in_words(step)
    if step.filter == "upscale" and not step.scale then
        return step.model or step.filter
    elseif step.filter == "upscale" then
        return string.format("%sx %s", tostring(step.scale):gsub("%.0$", ""), step.model or "")
    elseif step.filter == "interpolate" then
        return string.format("%s times the frames by %s", step.multiplier or "?", step.model or "")
    end
    return step.filter
end

-- Return an option's chain in words, such as "5/2 times the frames by mvtools, then 2x magic-x2".
function chain.words(option)
    local parts = {}
    for _, step in ipairs(chain.steps(option)) do
        parts[#parts + 1] = step_in_words(step)
    end
    return table.concat(parts, ", then ")
end

return chain
