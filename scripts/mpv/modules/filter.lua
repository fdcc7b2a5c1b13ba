-- The filter in mpv: put in and taken out under its own label, the user's other filters left as they are; and the log
-- watched for its failure, which mpv tells nowhere else.

local msg = require "mp.msg"
local refusal = require "refusal"

local filter = {}

local LABEL = "vsmagic"
local KEPT_LINES = 60

local lines = {}
local added, heard = 0, 0  -- filters put in; and those whose putting in was read in the log, which comes late
local on_failure = function() end
local watch_later  -- the user's watch-later-options while "vf" is kept out of them

local function others()
    local own, count = nil, 0
    for _, entry in ipairs(mp.get_property_native("vf") or {}) do
        if entry.label == LABEL then
            own = entry
        else
            count = count + 1
        end
    end
    return own, count
end

-- Say whether the filter is in the list and enabled, whoever put it there.
function filter.present()
    local own = others()
    return own ~= nil and own.enabled ~= false
end

-- Say whether this mpv knows the filter at all.
function filter.known()
    local names = mp.get_property_native("option-info/vf/choices")
    for _, name in ipairs(names or {}) do
        if name == "vapoursynth" then
            return true
        end
    end
    return names == nil
end

-- mpv stores the filter list with the position of a film (quit-watch-later). Ours is not to come back from there.
local function keep_out_of_watch_later()
    local list = mp.get_property_native("watch-later-options")
    local _, foreign = others()
    if watch_later or foreign > 0 or type(list) ~= "table" then
        return
    end
    local rest = {}
    for _, name in ipairs(list) do
        if name ~= "vf" then
            rest[#rest + 1] = name
        end
    end
    if #rest < #list and mp.set_property_native("watch-later-options", rest) then
        watch_later = list
    end
end

local function restore_watch_later()
    if watch_later then
        mp.set_property_native("watch-later-options", watch_later)
        watch_later = nil
    end
end

local function told()
    local found = refusal.of(lines)
    lines = {}
    on_failure(found)
end

-- Put the filter in, or another in its place. A refusal is told to the function given to filter.watch.
function filter.put(text)
    added = added + 1
    local this = added
    msg.verbose("filter " .. this)
    if mp.commandv("vf", "add", text) then
        keep_out_of_watch_later()
        return true
    end
    mp.add_timeout(0.1, function()  -- mpv's log arrives after its answer
        if this == added then
            told()
        end
    end)
    return false
end

-- Take the filter out, and put back what was changed for it.
function filter.remove()
    if others() then
        mp.commandv("vf", "remove", "@" .. LABEL)
    end
    restore_watch_later()
    lines = {}
end

local function on_log(event)
    local text = event.text:gsub("\n$", "")
    local number = event.prefix == LABEL and text:match("^filter (%d+)$")
    if number then
        heard, lines = tonumber(number), {}
    elseif event.level ~= "error" and event.level ~= "fatal" then
        return
    elseif event.prefix == "vapoursynth" or event.prefix == "autoconvert" or event.prefix == "user_filter_wrapper" then
        lines[#lines + 1] = text
        if #lines > KEPT_LINES then
            table.remove(lines, 1)
        end
    elseif text:find(refusal.GONE, 1, true) and heard == added and others() then  -- else of one that is gone already
        told()
    end
end

-- Call a function with what refusal.of returns whenever the filter fails.
function filter.watch(fn)
    on_failure = fn
    mp.enable_messages("v")
    mp.register_event("log-message", on_log)
end

return filter
