# Emulator: {"writeBucket":[20,1]}
# Unix only: it sends the signal of Ctrl+C, SIGINT, to a process; Windows has none.
#
# Ctrl+C in a process of its own: it ends the call at once, and one line says what was given up.

. "$PSScriptRoot/Setup.ps1"
. "$PSScriptRoot/Process.ps1"

# Runs a script until so many requests have come, presses Ctrl+C, and gives what the script said.
function Invoke-UntilCtrlC {
    param([string] $Script, [scriptblock] $Until, [hashtable] $Environment = @{})

    $running = Start-Script "$Preamble$Script" $Environment
    Wait-Until $Until 'the requests'
    [System.Diagnostics.Process]::Start('/bin/sh', [string[]] @('-c', "kill -INT $($running.Process.Id)")).WaitForExit()
    $told = Wait-Script $running
    # The bound that is measured is a quarter of a second; this one is for a machine with much else to do.
    Assert-True ($told.Milliseconds -lt 5000) "the process ends soon: $($told.Milliseconds) ms"
    $told
}

# The one line that says what was given up.
function Get-CancelledLine {
    param([object] $Told)

    $lines = @("$($Told.Output)`n$($Told.Errors)" -split '\r?\n' -match 'Cancelled')
    Assert-Equal $lines.Count 1 "lines that tell of it, of: $($Told.Output)$($Told.Errors)"
    $lines[0]
}

Test 'in a request that is never answered' {
    Add-Fault @{ kind = 'stall'; times = 10 }
    $told = Invoke-UntilCtrlC '(New-Backend 1), (New-Backend 2) | Reset-AzApiManagementBackendConnection; "not reached"' { @(Get-Journal).Count -eq 2 }
    Assert-Contains (Get-CancelledLine $told) 'Cancelled: 2 sent without an answer, 0 not done.'
    Assert-NotContains $told.Output 'not reached'
}

# Input of so many backends, which tells once all have been given.
$given = "$env:TEST_SCRATCH/given"
function Get-Input {
    param([int] $Count)

    [System.IO.File]::Delete($given)
    "& { 1..$Count | ForEach-Object { New-Backend `$_ }; [System.IO.File]::WriteAllText('$given', '') }"
}

Test 'with some answered, some on the way and some not begun' {
    Add-Fault @{ match = '/backends/1/'; kind = 'latency'; ms = 0 }
    Add-Fault @{ kind = 'stall'; times = 100 }
    $told = Invoke-UntilCtrlC "$(Get-Input 10) | Reset-AzApiManagementBackendConnection" { [System.IO.File]::Exists($given) -and @(Get-Journal).Count -eq 4 } @{ AZAPIM_WINDOW = '3' }
    Assert-Contains (Get-CancelledLine $told) 'Cancelled: 3 sent without an answer, 6 not done.'
}

Test 'while it waits for the throttle' {
    $told = Invoke-UntilCtrlC "$(Get-Input 200) | Reset-AzApiManagementBackendConnection" {
        [System.IO.File]::Exists($given) -and @(Get-Journal).Where({ $_.status -eq 429 }).Count -gt 0
    }
    $line = Get-CancelledLine $told
    Assert-True ($line -match 'Cancelled: (\d+) sent without an answer, (\d+) not done\.') "the line has its form: $line"
    $unanswered, $unsent = [int] $Matches[1], [int] $Matches[2]
    # The emulator may have answered what had not reached the cmdlet yet.
    $done = @(Get-Journal).Where({ $_.status -eq 202 }).Count
    Assert-True ($done + $unsent -le 200 -and $done + $unanswered + $unsent -ge 200) "every item is accounted for: $done done, $line"
}

Test 'between items, while the input takes its time' {
    $told = Invoke-UntilCtrlC '& { New-Backend 1; Start-Sleep -Seconds 3600 } | Reset-AzApiManagementBackendConnection; "not reached"' {
        @(Get-Journal).Where({ $_.status -eq 202 }).Count -eq 1
    }
    Assert-NotContains "$($told.Output)$($told.Errors)" 'not reached'
    Assert-NotContains "$($told.Output)$($told.Errors)" 'Cancelled'
}

Test 'finally blocks around the call still run' {
    Add-Fault @{ kind = 'stall' }
    $told = Invoke-UntilCtrlC 'try { New-Backend 1 | Reset-AzApiManagementBackendConnection } finally { [Console]::WriteLine("cleaned up") }' { @(Get-Journal).Count -eq 1 }
    Assert-Contains $told.Output 'cleaned up'
    Assert-Contains (Get-CancelledLine $told) '1 sent without an answer, 0 not done'
}
