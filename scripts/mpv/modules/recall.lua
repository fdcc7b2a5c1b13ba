-- Remembers a viewer's choice of profile and motion, for each file or for all, where the viewer wants that.

local files = require "files"
local memory = require "memory"
local msg = require "mp.msg"

local recall = {}

local NAME = "vsmagic-choices.json"

local how, first
local told = false

function recall.begin(options)
    how = options.remember
    first = {profile = options.profile, motion = options.motion}
end

local function stored()
    local path = files.lasting(NAME)
    return memory.checked(path and files.read(path)), path
end

-- Bring a session's wishes to what was chosen for a path, else to the options.
function recall.recall(session, path)
    if how ~= "file" and (how ~= "always" or recall.done) then
        return
    end
    recall.done = true
    local choice = memory.recalled(stored(), how, path) or first
    session.wish.profile, session.wish.motion = choice.profile, choice.motion
end

-- Keep what a viewer just chose.
function recall.note(session, path)
    if how == "no" then
        return
    end
    local data, file = stored()
    memory.note(data, how, path, session.wish, os.time())
    local done, why
    if file then
        done, why = files.write(file, data)
    else
        why = "mpv has no folder for it (--no-config)"
    end
    if not done and not told then
        told = true
        msg.warn("Your choice cannot be remembered: " .. tostring(why))
    end
end

return recall
