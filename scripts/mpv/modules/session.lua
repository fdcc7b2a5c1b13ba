-- One file being watched: what is wanted, what is chosen, what is in the filter list, and why.
--
-- Everything that happens (a file, a key, a failure, a slow machine, a finished preparation) changes a few facts here
-- and calls session.decide, the only place that puts the filter in or takes it out.

local backoff = require "backoff"
local chain = require "chain"
local choose = require "choose"
local content = require "content"
local filter = require "filter"
local measuring = require "measuring"
local msg = require "mp.msg"
local osd = require "osd"
local pace = require "pace"
local playing = require "playing"
local preparing = require "preparing"
local rates = require "rates"
local speeds = require "speeds"

local session = {
    wish = {profile = "auto", motion = "off"},
    file = nil,           -- what playing.now told, nil where nothing plays
    option = nil,         -- what is in the filter list
    why = "nothing plays",
    original = false,     -- the original is shown, to compare
    split = false,        -- half of the picture is the original
    judge = pace.new(),
    memory = backoff.new(),
    unfit = nil,          -- why nothing can run in this mpv
    spoilt = nil,         -- why nothing can run on this file
}

local profiles, options, paths
local applied             -- the filter's text as it is in the list
local announced           -- what the viewer was told last
local doubted             -- frames of this file may be interlaced, and none was seen yet
local asked_motion        -- motion was asked for by key
local listeners = {}

-- Set what does not change: profiles.json, the options, where things are.
function session.begin(known, values, found)
    profiles, options, paths = known, values, found
    session.wish = {profile = values.profile, motion = values.motion}
    asked_motion = values.motion ~= "off" and values.motion ~= "auto"
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

local function allowed(option, need, fps)
    local state = preparing.state(option, session.file)
    return backoff.allowed(session.memory, now(), option.id, need, fps) and state ~= "working" and state ~= "failed"
end

local function place()
    local file = session.file
    return {
        width = file.width, height = file.height, rate = file.rate, speed = mp.get_property_number("speed") or 1,
        margin = options.margin, share = backoff.share(session.memory, now()), speeds = measuring.table(),
        allowed = allowed,
    }
end

session.place = place

local function wanted_picture()
    local profile = session.wish.profile
    if profile == "auto" and options.skip_unseen and not playing.can_be_enlarged(session.file) then
        return "none"
    end
    return profile
end

-- Say whether a person asked for an option by name: then it is taken however fast it is, and watched. Frames in between
-- that were asked for by key, on a machine that was not measured, are made by what is cheapest.
local function asked(option)
    local wish = session.wish
    local named = option.picture and option.picture.name == wish.profile
    local cheapest = option.motion == profiles.motions[#profiles.motions]
    local moves = option.motion and (option.motion.name == wish.motion or asked_motion and cheapest and not measuring.table())
    if wish.motion == "off" or not asked_motion then
        return named and not option.motion
    elseif wish.profile == "auto" then
        return moves and option.tier <= 1
    end
    return named and moves
end

local function ladder()
    local file = session.file
    return choose.ladder(profiles, {
        picture = wanted_picture(), content = session.content, motion = session.wish.motion,
        factors = rates.factors(file.rate, playing.display_rate()),
    })
end

-- Return why nothing is to be done on this file, nil if something is.
local function hindrance()
    local file = session.file
    if not file then
        return "nothing plays"
    elseif session.unfit then
        return session.unfit
    elseif session.wish.profile == "off" then
        return "switched off"
    elseif file.kind ~= "video" then
        return file.kind == "image" and "a still picture" or "no video"
    elseif session.spoilt then
        return session.spoilt
    elseif file.interlaced and not playing.deinterlacing() then
        return "interlaced; the key d deinterlaces it"
    elseif doubted then
        return "waiting for the first frame"
    elseif session.original then
        return "the original, to compare"
    end
end

-- Return a better reason for nothing than that nothing fits.
local function reason()
    local job = preparing.working()
    if job then
        return job.option.title .. " is being prepared"
    elseif wanted_picture() == "none" and session.wish.profile == "auto" then
        return "the picture has as many pixels as the display"
    end
end

local function picked()
    local why = hindrance()
    if why then
        return {why = why}
    end
    local found = choose.pick(ladder(), place(), asked)
    if not found.option then
        found.why = reason() or found.why
    end
    return found
end

local function set_or(value, otherwise)
    return value > 0 and value or otherwise
end

-- Frames that mpv keeps for the filter and asks for at once. A frame it does not keep any more ends the filter; those it
-- keeps ahead are skipped when the filter goes. Frames in between look at several others, pictures at their own alone.
-- mpv stands still until all it asked for are done when the filter goes: what is only tried gets few.
local function window(option)
    local concurrent = set_or(options.concurrent_frames, session.fps and 4 or 2)
    return {concurrent = concurrent, buffered = set_or(options.buffered_frames, option.motion and math.ceil(16 / concurrent) or 2)}
end

local function put(option)
    local text = chain.filter("vsmagic", paths.vpy, window(option), chain.user_data(option, session.split))
    if text ~= applied then
        applied = text
        pace.restart(session.judge, true)
        filter.put(text)
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

-- Bring the filter list to what is chosen. `said`: words for the viewer; nil: the profile where it changed; false: nothing.
local function carry_out(found, said)
    session.option, session.fps, session.why = found.option, found.fps, found.why
    if found.option then
        put(found.option)
    else
        take_out()
    end
    osd.halves(session.split and applied and "Original" or nil, "vsmagic")
    session.tell(said)
    publish()
    for _, fn in ipairs(listeners) do
        fn()
    end
end

-- Choose anew, and bring the filter list to what is chosen. `said` as above.
function session.decide(said)
    carry_out(picked(), said)
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
    elseif said == nil and title ~= announced and (session.option or announced) and not doubted then
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
        doubted = file.kind == "video" and file.doubtful and not playing.deinterlacing()
    else
        file.interlaced = before.interlaced
    end
end

-- Nothing plays any more. The filter stays in the list: the next file often wants the same.
function session.close()
    session.file, doubted, session.original = nil, false, false
    pace.restart(session.judge, true)
end

-- A frame is on the screen: what it says of itself is known now. Returns whether that changes anything.
function session.seen(interlaced)
    local file = session.file
    local news = doubted or interlaced and not file.interlaced
    doubted = false
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
    local at = place()
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
    if not session.lowered or hindrance() then
        return
    end
    local found = choose.better(ladder(), place(), asked, session.option and session.option.id)
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
        session.wish.motion = "off"  -- the picture alone may do
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

-- Somebody took the filter out of the list, or put it there, without asking here.
function session.tampered()
    if applied and not filter.present() then
        applied = nil
        session.wish.profile = "off"
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
        asked_motion = changes.motion ~= "off"
    end
    session.memory, session.lowered, session.original, session.spoilt = backoff.new(), nil, false, nil
    if session.unfit and changes.profile and changes.profile ~= "off" then
        osd.problem(session.unfit)
        return
    end
    session.decide(said)
end

-- Return why there are no frames in between though they are wanted.
function session.no_motion()
    if #rates.factors(session.file.rate, playing.display_rate()) == 0 then
        return "the video has as many as the display shows"
    end
    return "too slow on this machine for this video"
end

-- Return why a profile is not there, nil if it is.
function session.lacking(name)
    return speeds.lacking(measuring.table(), name)
end

return session
