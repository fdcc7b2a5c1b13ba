-- Which profile: the best that this machine was measured to show in real time. No player needed.
--
-- An option is a picture profile, a motion profile, or both: {id, title, picture, motion, factor, tier}. The ladder is all
-- that come into question, the most wanted first; picking takes the first that fits.

local speeds = require "speeds"

local choose = {}

choose.TIERS = {quality = 3, balanced = 2, performance = 1}  -- the higher, the slower

local function named(list, name)
    for _, item in ipairs(list) do
        if item.name == name then
            return item
        end
    end
end

choose.named = named

local function option(picture, motion, factor)
    local ids, titles = {}, {}
    if picture then
        ids[1], titles[1] = picture.name, picture.title or picture.name
    end
    if motion then
        ids[#ids + 1] = motion.name .. "*" .. factor.text
        titles[#titles + 1] = motion.title or motion.name
    end
    return {
        id = table.concat(ids, "+"), title = table.concat(titles, " + "), picture = picture, motion = motion,
        factor = motion and factor, tier = picture and choose.TIERS[picture.tier] or 0,
    }
end

-- Of one tier, what stands first in the file comes first.
local function slower_first(pictures)
    local place = {}
    for number, picture in ipairs(pictures) do
        place[picture] = number
    end
    table.sort(pictures, function(a, b)
        local one, other = choose.TIERS[a.tier], choose.TIERS[b.tier]
        return one > other or one == other and place[a] < place[b]
    end)
end

-- Return the pictures of a content from the slowest; of a named one itself and those below it. Where named_only is set,
-- nothing but its own name brings a picture in.
local function pictures_of(profiles, wish)
    local first = named(profiles.pictures, wish.picture)
    local content = first and first.content or wish.content
    local found = {}
    for _, picture in ipairs(profiles.pictures) do
        if picture == first or picture.content == content and not picture.named_only then
            found[#found + 1] = picture
        end
    end
    slower_first(found)
    while first and found[1] ~= first do
        table.remove(found, 1)
    end
    return found
end

local function motions_of(profiles, wish)
    if wish.motion == "off" then
        return {}
    elseif wish.motion == "auto" then
        return profiles.motions
    end
    return {named(profiles.motions, wish.motion)}
end

local function add_with_motions(ladder, picture, motions, factors)
    for _, factor in ipairs(factors) do
        for _, motion in ipairs(motions) do
            ladder[#ladder + 1] = option(picture, motion, factor)
        end
    end
end

-- Return the options of a wish, the most wanted first. With motion=auto the picture goes first and motion fills what is
-- left; a motion that is named goes first itself.
--   wish: {picture = "auto"|"none"|name, content, motion = "off"|"auto"|name, factors = list from rates.factors}
function choose.ladder(profiles, wish)
    local pictures = wish.picture == "none" and {} or pictures_of(profiles, wish)
    local motions, factors = motions_of(profiles, wish), wish.factors or {}
    local picture_first = wish.motion == "auto"
    local ladder = {}
    for _, picture in ipairs(pictures) do
        add_with_motions(ladder, picture, motions, factors)
        if picture_first then
            ladder[#ladder + 1] = option(picture)
        end
    end
    add_with_motions(ladder, nil, motions, factors)
    if not picture_first then
        for _, picture in ipairs(pictures) do
            ladder[#ladder + 1] = option(picture)
        end
    end
    return ladder
end

-- Return the frames a second an option has to show: those of the file, at the speed it is played, times its factor.
function choose.need(opt, place)
    return place.rate * place.speed * (opt.factor and opt.factor.value or 1)
end

-- Return the frames a second the table predicts for an option, nil where it does not know.
function choose.predicted(opt, place)
    if not place.speeds then
        return nil
    end
    return speeds.fps(place.speeds, opt.picture and opt.picture.name, opt.motion and opt.motion.name,
                      place.width, place.height, opt.factor and opt.factor.made or 0)
end

local function lacking(opt, place)
    return opt.picture and speeds.lacking(place.speeds, opt.picture.name)
        or opt.motion and speeds.lacking(place.speeds, opt.motion.name)
end

-- Say whether an option may be tried though nothing is known of its speed: the fast profile, which is always there.
local function may_be_tried(opt)
    return opt.tier == 1 and not opt.motion
end

local function fits(opt, place)
    local fps = choose.predicted(opt, place)
    if not fps then
        return may_be_tried(opt), nil
    end
    return fps * place.share >= place.margin * choose.need(opt, place), fps
end

local function number(fps)
    return string.format(fps < 10 and "%.1f" or "%.0f", fps)
end

local function because(opt, place, fps)
    local need = number(choose.need(opt, place))
    if not fps then
        return "speed not measured yet: tried and watched"
    end
    return string.format("measured %s frames a second, %s needed", number(fps), need)
end

local function why_none(place, nearest, nearest_fps)
    if not nearest then
        return "no profile comes into question"
    elseif not nearest_fps then
        return "it was too slow on this file"
    end
    return string.format("too slow: %s would show %s frames a second of %s", nearest.title, number(nearest_fps),
                         number(choose.need(nearest, place)))
end

-- Return an option as a choice {option, fps, why} where it may be taken and fits or was asked for; else nil, and its fps.
local function taken(opt, place, asked)
    local wanted = asked and asked(opt)
    local good, fps = fits(opt, place)
    if not place.allowed(opt, choose.need(opt, place), fps) or not wanted and lacking(opt, place) then
        return nil, nil
    elseif wanted or good then
        return {option = opt, fps = fps, why = (wanted and "asked for; " or "") .. because(opt, place, fps)}
    end
    return nil, fps
end

-- Pick the first of a ladder that fits. Returns {option, fps, why}; option is nil where nothing does.
--   place: {width, height, rate, speed, margin, share, speeds, allowed}: size and frames a second of the file; speed it is
--   played at; how much faster than needed it has to be; share of the measured speed that is to be had now, 0 to 1;
--   speed table or nil; function(option, need, fps) that says whether it may be taken
--   asked: function(option) that says whether a person asked for it by name: it is taken however fast it is
function choose.pick(ladder, place, asked)
    local nearest_fps
    for _, opt in ipairs(ladder) do
        local found, fps = taken(opt, place, asked)
        if found then
            return found
        end
        nearest_fps = fps
    end
    return {why = why_none(place, ladder[#ladder], nearest_fps)}
end

-- Return the next better one than what runs now (an id, nil for nothing), where one fits; else nil. After something was
-- too slow the way up is one step at a time.
function choose.better(ladder, place, asked, running)
    local found
    for _, opt in ipairs(ladder) do
        if opt.id == running then
            break
        end
        found = taken(opt, place, asked) or found
    end
    return found
end

return choose
