-- vsmagic's own command beside the player: started without making it wait, its progress read from a file.
--
-- A process either lives on when mpv quits, detached, or is asked to end (SIGTERM).

local utils = require "mp.utils"
local files = require "files"

local background = {}

local windows = package.config:sub(1, 1) == "\\"
local count = 0

-- Without Windows the process tells its number, so that it can be asked to end; mpv itself would only kill it.
-- What outlives mpv lets go of its terminal: whoever reads mpv's words to their end would wait for it.
local function numbered(args, pid_file, stays)
    if windows then
        return args
    end
    local start = 'echo $$ > "$0" && exec "$@"' .. (stays and " </dev/null >/dev/null 2>&1" or "")
    local told = {"/bin/sh", "-c", start, pid_file}
    for _, word in ipairs(args) do
        told[#told + 1] = word
    end
    return told
end

local function last_line(text)
    local last
    for line in (text or ""):gmatch("[^\r\n]+") do
        last = line:match("vsmagic: (.+)") or line
    end
    return last
end

local function pid_of(job)
    local file = io.open(job.pid_file)
    local pid = file and file:read("*l")
    if file then
        file:close()
    end
    return pid and pid:match("^%d+$")
end

local function shell(script, pid)
    local result = mp.command_native({name = "subprocess", args = {"/bin/sh", "-c", script, pid}, playback_only = false,
                                      capture_stderr = true})
    return result and result.status == 0
end

-- mpv kills what a script has started as soon as the script ends: what was asked to end gets a moment before that.
local END = [[kill -TERM "$0" || exit; n=0
while kill -0 "$0" && [ $n -lt 30 ]; do sleep 0.05; n=$((n + 1)); done]]

-- Start a command. `done` is called with true, or false and its last words, and with what it wrote. With `stays` it
-- outlives mpv, and is not heard of again but through files it writes.
function background.start(args, stays, done)
    count = count + 1
    local job = {pid_file = files.passing("process-" .. count), stays = stays}
    local capture = not stays or nil
    job.handle = mp.command_native_async({
        name = "subprocess", args = numbered(args, job.pid_file, stays), playback_only = false,
        detach = stays or nil, capture_stderr = capture, capture_stdout = capture,
    }, function(success, result)
        local good = success and result.status == 0
        if stays and good then
            return
        end
        os.remove(job.pid_file)
        job.ended = true
        done(good, not good and (last_line(result and result.stderr) or "it cannot be started") or nil,
             result and result.stdout or "")
    end)
    return job
end

-- Say whether a process that stays is known to have ended. Windows does not tell.
function background.gone(job)
    local pid = job.stays and pid_of(job)
    return pid and not shell('kill -0 "$0"', pid) or false
end

-- Ask a process to end, unless it stays.
function background.stop(job)
    if job.ended then
        return
    end
    local pid = pid_of(job)
    os.remove(job.pid_file)
    if job.stays then
        return
    elseif pid then
        shell(END, pid)
    else
        mp.abort_async_command(job.handle)
    end
end

-- Add words to the command that starts vsmagic.
function background.words(command, ...)
    local args = {}
    for _, list in ipairs {command, {...}} do
        for _, word in ipairs(list) do
            args[#args + 1] = word
        end
    end
    return args
end

return background
