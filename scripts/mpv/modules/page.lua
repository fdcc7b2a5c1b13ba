-- The page of statistics: what is shown, why, and how fast. No player needed.

local chain = require "chain"

local page = {}

local function rate(fps)
    return (string.format("%.3f", fps):gsub("%.?0+$", "")) .. " fps"
end

local function size(place)
    return string.format("%dx%d", place.width, place.height)
end

local function pictures(state)
    local out = state.out and state.option and " → " .. size(state.out) or ""
    return size(state.file) .. out
end

local function frames(state)
    local file, option = state.file, state.option
    local known = file.rate_known and "" or " (assumed, the file does not say)"
    if not (option and option.factor) then
        return rate(file.rate) .. known
    end
    local display = state.display_rate and " (display " .. rate(state.display_rate) .. ")" or ""
    return rate(file.rate) .. known .. " → " .. rate(file.rate * option.factor.value) .. display
end

local function predicted(state)
    if not state.fps then
        return "not measured"
    end
    return string.format("%s measured, %s needed", rate(state.fps), rate(state.need))
end

local function reached(state)
    if not state.pace then
        return "not known yet"
    end
    local steady = state.steady >= 1 and string.format(", kept up for %d s", state.steady) or ""
    return string.format("%.2f of real time%s", state.pace, steady)
end

local function sync(sample)
    local av = sample.sync and string.format("%+.0f ms", sample.sync * 1000) or "no sound"
    return string.format("%s, %d frames dropped or delayed", av, sample.drops)
end

local function add(rows, label, value)
    if value and value ~= "" then
        rows[#rows + 1] = {label, value}
    end
end

-- Return rows of {label, value}.
--   state: {title, why, content, content_why, option, split, file, out, display_rate, fps, need, pace, steady, sample,
--   lowered, preparation, measurement}; what is not known is nil
function page.rows(state)
    local rows = {}
    add(rows, "Profile", state.title)
    add(rows, "Why", state.why)
    if state.file and state.file.kind == "video" then
        add(rows, "Content", string.format("%s (%s)", state.content, state.content_why))
        add(rows, "Chain", state.option and chain.words(state.option))
        add(rows, "Picture", pictures(state))
        add(rows, "Frames", frames(state))
        if state.option then
            add(rows, "Speed", predicted(state))
            add(rows, "Reached", reached(state))
        end
        add(rows, "A/V", state.sample and sync(state.sample))
    end
    add(rows, "Too slow here", state.lowered)
    add(rows, "Preparing", state.preparation)
    add(rows, "Measurement", state.measurement)
    return rows
end

return page
