-- The speed table of this machine: read, and measured in the background where it is missing.

local utils = require "mp.utils"
local background = require "background"
local files = require "files"
local speeds = require "speeds"

local measuring = {state = "not started"}

local LOOK = 5             -- seconds between two looks at a table that is being measured
local DOUBT = 20           -- seconds after the start when a table that is there is checked against the machine

local place, how, stays, changed
local current, current_time, timer, job

local function age()
    local info = place.speeds and utils.file_info(place.speeds)
    return info and info.mtime
end

-- Read the table where its file has changed. Returns whether it had.
local function look()
    local time = age()
    if time == current_time then
        return false
    end
    current_time = time
    local data = time and files.read(place.speeds)
    current = data and not speeds.unusable(data, place.version) and data or nil
    return true
end

-- Return the table that holds for this machine; nil where there is none.
function measuring.table()
    return current
end

local function finished()
    return current and current.complete ~= false
end

local function stop_looking()
    if timer then
        timer:kill()
        timer = nil
    end
end

local function look_again()
    if not look() then
        if background.gone(job) and not finished() then
            stop_looking()
            measuring.state = "ended early"
        end
        return
    end
    if finished() then
        measuring.state = "done"
        stop_looking()
    else
        measuring.state = "under way"
    end
    changed(measuring.state)
end

local function ended(good, why)
    look_again()
    stop_looking()
    if not good then
        measuring.state = "failed: " .. why
        changed("failed")
    end
end

local function measure()
    local words = background.words(place.command, "bench", "--realtime")
    if how == "idle" then
        words[#words + 1] = "--when-idle"
    end
    measuring.state = how == "idle" and "waits until the machine is idle" or "begins"
    job = background.start(words, stays, ended)
    timer = mp.add_periodic_timer(LOOK, look_again)
end

local function doubt()
    job = background.start(background.words(place.command, "bench", "--realtime", "--check", "--json"), false,
        function(good, _, said)
            if good or not said:find('"holds":%s*false') then
                return  -- it holds, or nothing was learnt
            end
            current = nil
            changed("stale")
            measure()
        end)
end

-- Begin: read the table, and measure where that is wanted and needed. `fn` is called when there is something new.
--   options: {measure, stays}: "idle", "now" or "no"; whether a measurement outlives mpv
function measuring.begin(found, options, fn)
    place, how, stays, changed = found, options.measure, options.stays, fn
    look()
    measuring.state = finished() and "done" or "none yet"
    if how == "no" or not place.speeds then
        return
    elseif finished() then
        mp.add_timeout(DOUBT, doubt)
    else
        measure()
    end
end

-- End what does not outlive mpv.
function measuring.finish()
    stop_looking()
    if job then
        background.stop(job)
    end
end

return measuring
