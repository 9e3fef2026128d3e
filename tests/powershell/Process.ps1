# PowerShell as a process of its own, for what only a whole process shows: standard input, Ctrl+C, an environment without
# credentials. It inherits this process's environment.

# Starts a script in it. Gives an object with Process and, once it has ended, its output on both streams.
function Start-Script {
    param([string] $Script, [hashtable] $Environment = @{}, [string[]] $Arguments = @('-NonInteractive'))

    $start = [System.Diagnostics.ProcessStartInfo]::new([Environment]::ProcessPath)
    # Encoded, so that nothing on the way reads quotes of its own into it.
    $encoded = [Convert]::ToBase64String([System.Text.Encoding]::Unicode.GetBytes($Script))
    foreach ($argument in @('-NoProfile') + $Arguments + @('-EncodedCommand', $encoded)) {
        $start.ArgumentList.Add($argument)
    }
    foreach ($name in $Environment.Keys) {
        $null = $start.Environment.Remove($name)
        if ($null -ne $Environment[$name]) {
            $start.Environment.Add($name, $Environment[$name])
        }
    }
    $start.RedirectStandardInput = $true
    $start.RedirectStandardOutput = $true
    $start.RedirectStandardError = $true
    $process = [System.Diagnostics.Process]::Start($start)
    [pscustomobject] @{
        Process = $process
        Output  = $process.StandardOutput.ReadToEndAsync()
        Errors  = $process.StandardError.ReadToEndAsync()
    }
}

# Waits for its end. Gives what it wrote, and how long that took in milliseconds.
function Wait-Script {
    param([object] $Running, [int] $Seconds = 60)

    $clock = [System.Diagnostics.Stopwatch]::StartNew()
    if (-not $Running.Process.WaitForExit($Seconds * 1000)) {
        $Running.Process.Kill($true)
        Stop-Check "the process did not end within $Seconds seconds; it wrote:`n$($Running.Output.Result)$($Running.Errors.Result)"
    }
    [pscustomobject] @{
        ExitCode     = $Running.Process.ExitCode
        Output       = $Running.Output.Result
        Errors       = $Running.Errors.Result
        Milliseconds = $clock.ElapsedMilliseconds
    }
}

# Runs a script to its end, with these lines on its standard input.
function Invoke-Script {
    param([string] $Script, [hashtable] $Environment = @{}, [string[]] $Arguments = @('-NonInteractive'), [string[]] $Lines = @())

    $running = Start-Script $Script $Environment $Arguments
    foreach ($line in $Lines) {
        $running.Process.StandardInput.WriteLine($line)
    }
    $running.Process.StandardInput.Close()
    Wait-Script $running
}

# The beginning of such a script: the module, a context, and New-Backend.
$script:Preamble = @"
Import-Module AzApiManagement.BackendConnection
. '$($PSScriptRoot.Replace("'", "''"))/Models.ps1'
`$context = New-Context

"@
