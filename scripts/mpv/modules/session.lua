-- One file being watched: what is wanted, what is chosen, what is in the filter list, and why.
--
-- Everything that happens (a file, a key, a failure, a slow machine, a finished preparation) changes a few facts here
-- and calls session.decide, the only place that puts the filter in or takes it out.

local backoff = require "backoff"
local chain = require "chain"
local choose = require "choose"
local content = require "content"
local decision = require "decision"
local filter = require "filter"
local measuring = require "measuring"
local msg = require "mp.msg"
local osd = require "osd"
local pace = require "pace"
local playing = require "playing"
local preparing = require "preparing"
local speeds = require "speeds"

local session = {
    wish = {profile = "auto", motion = "off"},
    last_on = "auto",     -- what was wished before it was switched off
    file = nil,           -- what playing.now told, nil where nothing plays
    option = nil,         -- what is in the filter list
    why = "nothing plays",
    original = false,     -- the original is shown, to compare
    split = false,        -- half of the picture is the original
    judge = pace.new(),
    memory = backoff.new(),
    unfit = nil,          -- why nothing can run in this mpv
    spoilt = nil,         -- why nothing can run on this file
    doubted = false,      -- frames of this file may be interlaced, and none was seen yet
    asked_motion = false, -- frames in between were asked for, by name or by key
    lowered = nil,        -- title of what was too slow on this file
    first = nil,          -- function to be called before the first video is looked at
    told = nil,           -- function that returns {path, since}: where the script hears of seeks
}

local options, paths
local applied             -- what is in the list, as a text to compare
local announced           -- what the viewer was told last
local listeners = {}

-- Set what does not change: profiles.json, the options, where things are.
function session.begin(known, values, found)
    options, paths = values, found
    decision.begin(known, values)
    session.wish = {profile = values.profile, motion = values.motion}
    session.asked_motion = values.motion ~= "off" and values.motion ~= "auto"
end

-- Call a function after every decision.
function session.listen(fn)
    listeners[#listeners + 1] = fn
end

local function now()
    return mp.get_time()
end

local function factor()
    return session.option and session.option.factor and session.option.factor.value or 1
end

-- Put an option in, unless just that is in.
local function put(option)
    local window = decision.window(option, session.fps)
    local key = table.concat({option.id, tostring(session.split), window.buffered, window.concurrent}, " ")
    if key ~= applied then
        applied = key
        pace.restart(session.judge, true)
        filter.put(chain.filter("vsmagic", paths.vpy, window, chain.user_data(option, session.split, session.told and session.told())))
    end
end

local function take_out()
    if applied or filter.present() then
        applied = nil
        filter.remove()
        pace.restart(session.judge, false)
    end
end

local function publish()
    mp.set_property_native("user-data/vsmagic", {
        profile = session.option and session.option.id or "", title = session.title(), why = session.why,
        content = session.content or "", split = session.split and applied ~= nil, original = session.original,
        wish = session.wish.profile, motion = session.wish.motion,
    })
end

-- Name the halves of the split screen where they are now.
function session.label()
    osd.halves(session.split and applied and playing.left_half() or nil, "Original", "vsmagic")
end

-- Bring the filter list to what is chosen. `said`: words for the viewer; nil: the profile where it changed; false: nothing.
local function carry_out(found, said)
    session.option, session.fps, session.why = found.option, found.fps, found.why
    if found.option then
        put(found.option)
    else
        take_out()
    end
    session.label()
    session.tell(said)
    publish()
    for _, fn in ipairs(listeners) do
        fn()
    end
end

-- Choose anew, and bring the filter list to what is chosen. `said` as above.
function session.decide(said)
    local first = session.first
    if first and session.file and session.file.kind == "video" and session.wish.profile ~= "off" then
        session.first = nil
        first()
    end
    carry_out(decision.best(session), said)
end

-- Return the name of what is shown, for people.
function session.title()
    if session.original then
        return "original"
    end
    return session.option and session.option.title or "off"
end

-- Tell the viewer what is shown now, where it is new.
function session.tell(said)
    local title = session.title()
    if said then
        osd.say(said)
    elseif said == nil and title ~= announced and (session.option or announced) and not session.doubted then
        osd.say(session.option and title or "off: " .. session.why)
    end
    announced = title
end

local function same_file(old, new)
    return old and new and old.path == new.path
end

-- Look at what plays now. `fresh`: a file was opened, also the same one again.
function session.look(fresh)
    local before = session.file
    local file = playing.now(factor())
    session.file = file
    session.content, session.content_why = content.of(file, options.content)
    if fresh or not same_file(before, file) then
        session.memory, session.spoilt = backoff.new(), nil
        session.doubted = file.kind == "video" and file.doubtful and not playing.deinterlacing()
    else
        file.interlaced = before.interlaced
    end
end

-- Nothing plays any more. The filter stays in the list: the next file often wants the same.
function session.close()
    session.file, session.doubted, session.original = nil, false, false
    pace.restart(session.judge, true)
end

-- A frame is on the screen: what it says of itself is known now. Returns whether that changes anything.
function session.seen(interlaced)
    local file = session.file
    local news = session.doubted or interlaced and not file.interlaced
    session.doubted, file.gray = false, file.gray or playing.gray()
    if interlaced and not file.interlaced then
        file.interlaced = true
        osd.problem("This video is interlaced. Press d to deinterlace it, then the picture is enhanced")
        session.decide(false)
        return
    end
    if news then
        session.decide()
    end
end

-- The chosen profile was too slow: share of real time that was reached, and what told so.
function session.slow(found)
    local option = session.option
    local at = decision.place(session)
    if not option then
        backoff.alone(session.memory, now())
        return
    end
    local need = choose.need(option, at)
    backoff.failed(session.memory, now(), option.id, need, need * found.share, session.fps)
    msg.verbose(string.format("%s reached %.2f of real time (%s)", option.id, found.share, found.why))
    session.lowered = option.title
    session.decide(false)
    if session.option then
        osd.say("too slow for real time, now " .. session.title())
    else
        osd.problem("This machine is too slow for this video; it plays on as it is")
    end
end

-- Playback has kept up: try something better where there is room for it.
function session.room()
    local found = session.lowered and decision.better(session)
    if found then
        carry_out(found, false)
        osd.say("there is room again, now " .. session.title())
    end
end

-- Playback speed or frame rate changed: what runs has to fit still.
function session.other_pace()
    pace.restart(session.judge, false)
    if session.file and session.file.kind == "video" and not session.original then
        session.decide()
    end
end

-- The filter failed: {kind, sentence} of refusal.of.
function session.failed(found)
    local option = session.option
    if found.kind ~= "machine" and not (session.file and session.file.kind == "video") then
        session.decide(false)  -- heard of when its file is over; the next one tries for itself
        return
    end
    if found.kind == "preparing" and option then
        local job = preparing.start(option, session.file)
        if job.state == "working" then
            session.decide(false)
            osd.say("preparing " .. option.title .. (session.option and ", until then " .. session.title() or ""))
            return
        end
        found.sentence = job.why or found.sentence
    end
    if found.kind == "machine" then
        session.unfit = found.sentence
    elseif found.kind == "profile" and option and option.motion and option.picture then
        backoff.failed(session.memory, now(), option.id, 0, 0)  -- on this file; the picture alone may do
    else
        session.spoilt = found.sentence
    end
    session.decide(false)
    osd.problem(found.sentence)
end

-- A preparation changed: {option, state, share, what, why}.
function session.prepared(job)
    if job.state == "ready" then
        osd.progress()
        session.decide()
    elseif job.state == "failed" then
        osd.progress()
        session.decide(false)
        osd.problem(job.option.title .. ": " .. (job.why or "it cannot be made ready"))
    else
        osd.progress(string.format("vsmagic prepares %s: %d %%  %s", job.option.title, job.share * 100, job.what))
    end
end

-- Put in anew what is in.
function session.renew()
    if applied then
        applied = nil
        session.decide(false)
    end
end

-- Somebody took the filter out of the list, or put it there, without asking here.
function session.tampered()
    if applied and not filter.present() then
        applied = nil
        session.last_on, session.wish.profile = session.wish.profile, "off"
        session.decide("off, because the list of filters was changed")
    elseif not applied and filter.present() then
        filter.remove()
    end
end

-- Change what the viewer wants, and say it. A viewer's word starts everything anew on this file.
function session.want(changes, said)
    for name, value in pairs(changes) do
        session.wish[name] = value
    end
    if changes.motion then
        session.asked_motion = changes.motion ~= "off"
    end
    session.memory, session.lowered, session.original, session.spoilt = backoff.new(), nil, false, nil
    preparing.forget()
    if session.unfit and changes.profile and changes.profile ~= "off" then
        osd.problem(session.unfit)
        return
    end
    session.decide(said)
end

-- Return why a profile is not there, nil if it is.
function session.lacking(name)
    return speeds.lacking(measuring.table(), name)
end

return session
