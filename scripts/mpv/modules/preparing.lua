-- What has to be made ready before a profile can run: engines built, models fetched, in the background.

local background = require "background"
local chain = require "chain"
local files = require "files"
local json = require "json"
local memory = require "memory"

local preparing = {}

local LOOK = 1        -- seconds between two looks at the progress
local LOOKS_TO_LIFE = 5  -- looks between two at whether the process is still there
local jobs = {}       -- by key; an entry: {option, state, share, what, why, file, job}
local timer, place, settings, changed

-- Say which jobs there are. Options that need the same for another size are other jobs.
local function key(option, file)
    return string.format("%s@%dx%d", option.id, file.width, file.height)
end

local function finish(entry, state, why)
    entry.state, entry.why = state, why
    os.remove(entry.file)
    changed(entry)
end

local looks = 0

local function look()
    local working = false
    looks = looks + 1
    for _, entry in pairs(jobs) do
        if entry.state == "working" then
            local said = files.read(entry.file) or {}
            entry.share, entry.what = said.share or entry.share, said.what or entry.what
            if said.state == "ready" or said.state == "failed" then
                finish(entry, said.state, said.error)
            elseif looks % LOOKS_TO_LIFE == 0 and background.gone(entry.job) then
                finish(entry, "failed", "it ended early; try: vsmagic mpv prepare")
            else
                working = true
                changed(entry)
            end
        end
    end
    if not working and timer then
        timer:kill()
        timer = nil
    end
end

local function ended(entry)
    return function(good, why)
        if entry.state == "working" then
            local said = files.read(entry.file) or {}
            finish(entry, good and "ready" or "failed", said.error or why)
        end
    end
end

-- Set how: {command}, {fetch, stays}, and a function that hears of every change of a job.
function preparing.begin(found, options, fn)
    place, settings, changed = found, options, fn
end

-- Return how an option stands on a file: nil, "working", "ready" or "failed".
function preparing.state(option, file)
    local entry = jobs[key(option, file)]
    return entry and entry.state
end

-- Start to make an option ready for a file's size, unless that is done already.
function preparing.start(option, file)
    local name = key(option, file)
    if jobs[name] then
        return jobs[name]
    end
    local entry = {option = option, state = "working", share = 0, what = "starting",
                   file = files.passing("prepare-" .. memory.key(name) .. ".json")}
    jobs[name] = entry
    local words = background.words(place.command, "mpv", "prepare", "--chain", json.text(chain.steps(option)),
                                   "--size", string.format("%dx%d", file.width, file.height),
                                   "--progress", entry.file)
    if settings.fetch then
        words[#words + 1] = "--fetch"
    end
    entry.job = background.start(words, settings.stays, ended(entry))
    timer = timer or mp.add_periodic_timer(LOOK, look)
    return entry
end

-- Forget what failed, so that it can be started again.
function preparing.forget()
    for name, entry in pairs(jobs) do
        if entry.state == "failed" then
            background.stop(entry.job)
            jobs[name] = nil
        end
    end
end

-- Return the job that is at work, nil where none is.
function preparing.working()
    for _, entry in pairs(jobs) do
        if entry.state == "working" then
            return entry
        end
    end
end

-- End what does not outlive mpv.
function preparing.finish()
    for _, entry in pairs(jobs) do
        background.stop(entry.job)
        if entry.state == "working" and not settings.stays then
            os.remove(entry.file)
        end
    end
end

return preparing
