-- What the speed table (realtime.json) predicts for a size. No player needed.

local speeds = {}

speeds.VERSION = 1

-- Return why a table cannot be used, nil if it can. `version` is that of the vsmagic it has to come from, nil if any.
function speeds.unusable(tab, version)
    if type(tab) ~= "table" or type(tab.pictures) ~= "table" or type(tab.motions) ~= "table" then
        return "not a speed table"
    elseif tab.version ~= speeds.VERSION then
        return "made by another version of vsmagic"
    elseif version and tab.vsmagic and tab.vsmagic ~= version then
        return "measured with vsmagic " .. tab.vsmagic
    end
end

local function by_size(a, b)
    return a.pixels < b.pixels
end

local function points(entries)
    local found = {}
    for _, entry in ipairs(entries or {}) do
        if (entry.fps or 0) > 0 and (entry.width or 0) > 0 and (entry.height or 0) > 0 then
            found[#found + 1] = {pixels = entry.width * entry.height, time = 1 / entry.fps}
        end
    end
    table.sort(found, by_size)
    return found
end

-- Return the seconds a frame of a size takes, nil where nothing was measured. Between two measured sizes it lies on the
-- line between them; a larger frame than any takes in proportion to its pixels, a smaller one as long as the smallest.
function speeds.seconds(entries, width, height)
    local known = points(entries)
    local pixels = width * height
    if #known == 0 then
        return nil
    elseif pixels <= known[1].pixels then
        return known[1].time
    end
    for n = 2, #known do
        local low, high = known[n - 1], known[n]
        if pixels <= high.pixels then
            local share = (pixels - low.pixels) / (high.pixels - low.pixels)
            return low.time + share * (high.time - low.time)
        end
    end
    local last = known[#known]
    return last.time * pixels / last.pixels
end

-- Return the frames a second that a picture and a motion together show of input of a size; nil where either was not
-- measured. `made` is the share of shown frames that the motion makes. Either name may be nil.
function speeds.fps(tab, picture, motion, width, height, made)
    local time = 0
    if picture then
        local one = speeds.seconds(tab.pictures[picture], width, height)
        if not one then
            return nil
        end
        time = time + one
    end
    if motion then
        local one = speeds.seconds(tab.motions[motion], width, height)
        if not one then
            return nil
        end
        time = time + made * one
    end
    return time > 0 and 1 / time or nil
end

-- Return why a profile is not on this machine, nil if it is.
function speeds.lacking(tab, name)
    return tab and type(tab.lacking) == "table" and tab.lacking[name] or nil
end

return speeds
