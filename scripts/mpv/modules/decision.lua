-- What a session comes to: the profile for what plays, and why, or why there is none. It changes nothing.
--
-- A state is the session: {wish = {profile, motion}, file, content, option, fps, memory, asked_motion, unfit, spoilt, doubted,
-- original}.

local backoff = require "backoff"
local choose = require "choose"
local measuring = require "measuring"
local playing = require "playing"
local preparing = require "preparing"
local rates = require "rates"

local decision = {}

local TRIED, MEASURED = 2, 4  -- frames asked for at once
local AROUND = 16             -- frames kept for those that look at their neighbours
local profiles, options

-- Set what does not change: profiles.json and the options.
function decision.begin(known, values)
    profiles, options = known, values
end

-- Return what choose.pick has to know of where it is.
function decision.place(state)
    local file, now = state.file, mp.get_time()
    local function allowed(option, need, fps)
        local ready = preparing.state(option, file)
        return ready ~= "working" and ready ~= "failed" and backoff.allowed(state.memory, now, option.id, need, fps)
    end
    return {
        width = file.width, height = file.height, rate = file.rate, speed = mp.get_property_number("speed") or 1,
        margin = options.margin, share = backoff.share(state.memory, now), speeds = measuring.table(), allowed = allowed,
    }
end

local function picture_of(state)
    local profile = state.wish.profile
    if profile == "auto" and options.skip_unseen and not playing.can_be_enlarged(state.file) then
        return "none"
    end
    return profile
end

local function factors(state)
    return rates.factors(state.file.rate, playing.display_rate())
end

local function ladder(state)
    return choose.ladder(profiles, {
        picture = picture_of(state), content = state.content, motion = state.wish.motion, factors = factors(state),
    })
end

-- Return a function that says whether a person asked for an option by name: then it is taken however fast it is, and
-- watched. On a machine that was not measured, frames in between that are asked for by key are made by what is cheapest.
local function asked_in(state)
    local wish, measured = state.wish, measuring.table() ~= nil
    local cheapest = profiles.motions[#profiles.motions]
    return function(option)
        local named = option.picture ~= nil and option.picture.name == wish.profile
        if not option.motion then
            return named
        elseif not state.asked_motion then
            return false
        end
        local by_name = option.motion.name == wish.motion
        local untold = not measured and (by_name or wish.motion == "auto" and option.motion == cheapest)
        if wish.profile == "auto" then
            return untold and option.tier <= 1
        end
        return named and (by_name or untold)
    end
end

-- Return why nothing is to be done on this file, nil if something is.
function decision.hindrance(state)
    local file = state.file
    if not file then
        return "nothing plays"
    elseif state.unfit then
        return state.unfit
    elseif state.wish.profile == "off" then
        return "switched off"
    elseif file.kind ~= "video" then
        return file.kind == "image" and "a still picture" or "no video"
    elseif state.spoilt then
        return state.spoilt
    elseif file.gray then
        return "black-and-white in 8 bits or fewer, which mpv's filter cannot take"
    elseif file.interlaced and not playing.deinterlacing() then
        return "interlaced; the key d deinterlaces it"
    elseif state.doubted then
        return "waiting for the first frame"
    elseif state.original then
        return "the original, to compare"
    end
end

-- Return a better reason for nothing than that nothing fits.
local function reason(state)
    local job = preparing.working()
    if job then
        return job.option.title .. " is being prepared"
    elseif picture_of(state) == "none" then
        return "the picture has as many pixels as the display"
    end
    for _, option in ipairs(ladder(state)) do
        if preparing.state(option, state.file) == "failed" then
            return option.title .. " could not be made ready"
        end
    end
end

-- Return {option, fps, why}: the best that fits; option is nil where none does.
function decision.best(state)
    local why = decision.hindrance(state)
    if why then
        return {why = why}
    end
    local found = choose.pick(ladder(state), decision.place(state), asked_in(state))
    if not found.option then
        found.why = reason(state) or found.why
    end
    return found
end

-- Return the next better one than what runs now, nil where none fits.
function decision.better(state)
    if not decision.hindrance(state) then
        return choose.better(ladder(state), decision.place(state), asked_in(state), state.option and state.option.id)
    end
end

-- Return why there are no frames in between though they are wanted.
function decision.no_motion(state)
    if #factors(state) == 0 then
        return "the video has as many as the display shows"
    end
    return "too slow on this machine for this video"
end

local function set_or(value, otherwise)
    return value > 0 and value or otherwise
end

-- Return the frames that mpv keeps for the filter and asks for at once. A frame it does not keep any more ends the filter,
-- and frames in between look at several; those it keeps ahead are skipped when the filter goes. Then mpv stands still
-- until all it asked for are done: what is only tried gets few.
--   fps: the predicted frames a second, nil where they are not known
function decision.window(option, fps)
    local concurrent = set_or(options.concurrent_frames, fps and MEASURED or TRIED)
    local buffered = option.motion and math.ceil(AROUND / concurrent) or 2
    return {concurrent = concurrent, buffered = set_or(options.buffered_frames, buffered)}
end

return decision
