-- Frames a second: of a file, and by which small fraction it is raised to a display's rate. No player needed.

local rates = {}

local MOST_PARTS = 5      -- largest denominator: 24 to 60 is 5/2, 25 to 60 is 12/5
local NEAR = 0.005        -- rates this close count as equal: 59.94 and 60, 23.976 and 24
local LEAST = 1.05        -- a display that shows hardly more frames than the file has gains nothing
local SMOOTH = 47.9       -- frames a second below which a rate is not worth raising to
local SANE = {0.5, 300}   -- frames a second that a file's header is believed; some say 0, 1000 or 90000

-- Say whether a number is a rate that a video can have.
function rates.sane(fps)
    return type(fps) == "number" and fps >= SANE[1] and fps <= SANE[2]
end

local function divisor(a, b)
    while b ~= 0 do
        a, b = b, a % b
    end
    return a
end

local function fraction(num, den)
    local common = divisor(num, den)
    num, den = num / common, den / common
    local text = den == 1 and string.format("%d", num) or string.format("%d/%d", num, den)
    return {num = num, den = den, value = num / den, text = text, made = (num - 1) / num}
end

-- Return the fraction with the smallest denominator that equals a ratio, else the largest one below it; nil if that is
-- not above 1. `made` is the share of frames that are no source frames: of 5/2, four in five.
function rates.near(ratio)
    local below
    for den = 1, MOST_PARTS do
        local num = math.floor(ratio * den + 0.5)
        if num > den and math.abs(num / den / ratio - 1) <= NEAR then
            return fraction(num, den)
        end
        num = math.floor(ratio * den)
        if num > den and (not below or num / den > below.value) then
            below = fraction(num, den)
        end
    end
    return below
end

-- Return the factors that a file's rate can be raised by, the most frames first: to the display's rate, to its half, …
-- Where the display's rate is not known, twice the file's. Empty where the file has as many frames as the display.
function rates.factors(fps, display)
    if not rates.sane(display) then
        return {fraction(2, 1)}
    end
    local found, parts = {}, 1
    while display / parts >= fps * LEAST and (parts == 1 or display / parts >= SMOOTH) do
        local factor = rates.near(display / parts / fps)
        if factor then
            found[#found + 1] = factor
        end
        parts = parts + 1
    end
    return found
end

return rates
