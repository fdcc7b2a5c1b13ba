-- Remembers what was too slow, so that playback goes down in time, comes up again only when there is room, and never
-- swings between two profiles. No player needed. Times are seconds of any steady clock.

local backoff = {}

local FIRST_BAR = 90       -- seconds for which a profile that was too slow is not tried again on this file
local GROWTH = 4           -- every further failure bars it so many times longer: 1.5, 6, 24, 96 minutes
local LONGEST_BAR = 14400
local SETTLED = 30         -- seconds that playback has to keep up before anything better is tried
local RECOVERY = 180       -- seconds in which speed that was missing is hoped to come back by two thirds; twice as long
                           -- after every further failure
local LONGEST_RECOVERY = 7200
local LEAST_SHARE = 0.1
local EASIER = 0.7         -- share of the frames it failed on, at which a barred profile may be tried at once

-- Return a memory of nothing: for a new file.
function backoff.new()
    return {bars = {}, failures = 0, share = 1, share_at = 0, alone_until = 0}
end

-- Return the share of the measured speed that is to be had: less than 1 after this machine did not reach it.
function backoff.share(memory, now)
    local missing = 1 - memory.share
    local recovery = math.min(RECOVERY * 2 ^ (memory.failures - 1), LONGEST_RECOVERY)
    return 1 - missing * math.exp(-(now - memory.share_at) / recovery)
end

-- Note that an option was too slow.
--   need, reached: frames a second it had to show and did show; predicted: what the table said, nil where it does not know
function backoff.failed(memory, now, id, need, reached, predicted)
    local bar = memory.bars[id] or {count = 0}
    bar.count = bar.count + 1
    bar.need = need
    bar.predicted = predicted
    bar.till = now + math.min(FIRST_BAR * GROWTH ^ (bar.count - 1), LONGEST_BAR)
    memory.bars[id] = bar
    if predicted then
        memory.share = math.max(LEAST_SHARE, math.min(backoff.share(memory, now), reached / predicted))
        memory.share_at = now
        memory.failures = memory.failures + 1
    end
end

-- Note that playback is too slow with no filter at all: something else takes the time, and nothing is tried for a while.
function backoff.alone(memory, now)
    memory.alone_until = now + FIRST_BAR * GROWTH
end

local function bars_itself(bar, now, need)
    if need <= bar.need * EASIER then
        return false
    end
    return not bar.predicted or now < bar.till
end

-- What is slower than something that was too slow need not be tried while that is not.
local function bars_slower(bar, now, need, predicted)
    return predicted and bar.predicted and now < bar.till and predicted / need <= bar.predicted / bar.need
end

-- Say whether an option may be tried to show so many frames a second. What failed and was never measured is not tried
-- again on this file, unless it has less to do than then.
function backoff.allowed(memory, now, id, need, predicted)
    if now < memory.alone_until then
        return false
    end
    for name, bar in pairs(memory.bars) do
        if name == id and bars_itself(bar, now, need) or bars_slower(bar, now, need, predicted) then
            return false
        end
    end
    return true
end

-- Say whether playback has kept up for long enough to try something better.
function backoff.settled(steady)
    return steady >= SETTLED
end

return backoff
