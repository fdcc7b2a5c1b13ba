-- Whether playback keeps up with the clock, judged from samples taken four times a second. No player needed.
--
-- None of what mpv tells proves it alone. The position stands still for a while in a video of few frames, and tells how
-- late playback is only when it has just moved on. avsync is not there without sound, and stays small while everything
-- waits together. Dropped frames stay at none while everything is late alike, and damaged files drop frames that no filter
-- is to blame for. So they are taken together.
--
-- A sample: {now, position, speed, busy, sync, drops, rate}: seconds of the clock and of the video; playback speed; true
-- while nothing can be told (paused, seeking, buffering); avsync in seconds or nil; all dropped and delayed frames so far;
-- frames a second of video that mpv is showing, by their durations (estimated-vf-fps).

local pace = {}

local REMEMBERED = 9       -- seconds of samples that are kept
local GRACE = 1.0          -- seconds after a start in which only the hopeless is judged
local SHORT, LONG = 2, 8   -- seconds: windows in which falling behind shows soon, and surely
local SLACK = 0.26         -- seconds by which a sample can be later than the frame it sees: the time between two samples
local HOPELESS = 0.5       -- share of real time below which there is nothing to wait for
local LATE = 0.35          -- seconds behind, from which on the hopeless counts
local STANDSTILL = 4       -- seconds without any new frame, in a video of more than a few frames a second
local OUT_OF_SYNC = 0.03   -- seconds; mpv shows frames to within 10 ms where it can
local DROPPED = 0.25       -- share of frames dropped that is a stutter whatever the reason

-- Return a judge that knows nothing yet.
function pace.new()
    return {moved = {}, running = true}
end

-- Forget everything: playback starts anew (a seek, another file, another filter, another speed).
-- `waiting`: the first picture is still to come, as after a change of the filter; time counts from when it is there.
function pace.restart(judge, waiting)
    judge.moved, judge.last, judge.began, judge.first, judge.rate = {}, nil, nil, nil, nil
    judge.running = not waiting
end

local function jumped(last, sample)
    local moved = sample.position - last.position
    local passed = (sample.now - last.now) * sample.speed
    return moved < -0.001 or moved > passed + 2 or sample.speed ~= last.speed
end

-- Keep a sample at which the position had just moved; only these tell how late playback is.
local function keep(judge, sample)
    local first = judge.began
    sample.late = (sample.now - first.now) * sample.speed - (sample.position - first.position)
    local moved = judge.moved
    moved[#moved + 1] = sample
    while moved[1].now < sample.now - REMEMBERED do
        table.remove(moved, 1)
    end
end

-- Return the newest kept sample, the one some seconds before it, and the longest single delay between them; nil where
-- they do not reach that far.
local function window(judge, seconds)
    local moved = judge.moved
    local newest = moved[#moved]
    local worst = 0
    for n = #moved - 1, 1, -1 do
        worst = math.max(worst, moved[n + 1].late - moved[n].late)
        if newest.now - moved[n].now >= seconds - 0.05 then
            return moved[n], newest, worst
        end
    end
end

local function share_between(old, new)
    return (new.position - old.position) / ((new.now - old.now) * new.speed)
end

local function hopeless(judge)
    local moved = judge.moved
    local b, c = moved[#moved - 1], moved[#moved]
    local a = moved[#moved - 2] or judge.began
    if not b or c.late < LATE or c.now - a.now < 0.4 then
        return nil
    elseif share_between(a, b) < HOPELESS and share_between(b, c) < HOPELESS then
        return {share = share_between(a, c), why = "far behind"}
    end
end

-- One delay alone, as when a window opens or a disk wakes up, is none of the filter's.
local function falling_behind(judge, seconds)
    local old, new, worst = window(judge, seconds)
    if old and new.late - old.late - worst > SLACK + (new.rate > 0 and 1 / new.rate or 0) then
        return {share = share_between(old, new), why = "falling behind"}
    end
end

local function dropping(judge)
    local old, new = window(judge, SHORT)
    if not old then
        return nil
    end
    local shown = math.max(1, (new.now - old.now) * new.rate * new.speed)
    local catching_up = new.late < old.late - 0.1
    local in_sync = new.sync and math.abs(new.sync) <= OUT_OF_SYNC
    if (new.drops - old.drops) / shown >= DROPPED and not catching_up and not in_sync then
        return {share = math.min(share_between(old, new), 0.99), why = "dropping frames"}
    end
end

local function standing(judge, sample)
    local since = judge.moved[#judge.moved] or judge.began or judge.first
    if sample.rate >= 5 and sample.now - since.now > STANDSTILL then
        return {share = 1 / (sample.rate * STANDSTILL), why = "standing still"}
    end
end

local function verdict(judge, sample)
    local found = hopeless(judge)
    if found or sample.now - judge.began.now < GRACE then
        return found
    end
    return dropping(judge) or falling_behind(judge, SHORT) or falling_behind(judge, LONG)
end

-- Take a sample. Returns nil while playback keeps up or nothing can be said; else {share, why}: the share of real time that
-- is reached, 0 to 1, and in words what tells so.
function pace.feed(judge, sample)
    local last = judge.last
    if sample.busy or not sample.position or last and jumped(last, sample) then
        pace.restart(judge, not judge.running and not judge.began)
        return nil
    end
    judge.last = sample
    judge.first = judge.first or sample
    local moved = last and sample.position ~= last.position
    if not judge.began and (judge.running or moved) then
        judge.began = sample
        return nil
    elseif not moved then
        return standing(judge, sample)
    end
    keep(judge, sample)
    local old, new = window(judge, SHORT)
    judge.rate = old and share_between(old, new)
    return verdict(judge, sample)
end

-- Return for how many seconds playback has kept up without a break.
function pace.steady(judge, now)
    return judge.began and now - judge.began.now or 0
end

return pace
