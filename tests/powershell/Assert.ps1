# Checks and what they assert. A test file dots this first.
#
#   Test 'what holds' {
#       ...
#   }
#
# Each line that starts so is one test of `cargo test`. A check fails by a terminating error, as the Assert- functions throw, or
# by an error record that it lets out: a check that expects one catches or redirects it.

$script:Chosen = [System.Collections.Generic.HashSet[string]]::new([System.IO.File]::ReadAllLines("$env:TEST_SCRATCH/chosen"))
$script:ReportFile = "$env:TEST_SCRATCH/reports"

function Test {
    param([string] $Name, [scriptblock] $Body)

    if (-not $script:Chosen.Contains($Name)) {
        return
    }
    Reset-Emulator
    # The module sees the global one, not that of the functions which call it.
    $outside = $global:ErrorActionPreference
    $global:ErrorActionPreference = 'Continue'
    $failure = try {
        foreach ($output in & $Body 2>&1) {
            if ($output -is [System.Management.Automation.ErrorRecord]) {
                "unexpected error: $(Format-Failure $output)"
                break
            }
        }
    } catch {
        Format-Failure $_
    } finally {
        $global:ErrorActionPreference = $outside
    }
    # A block without output gives no $null, but nothing, which is no JSON.
    $report = ConvertTo-Json ([ordered] @{ name = $Name; failure = $(if ($null -eq $failure) { $null } else { $failure }) }) -Compress
    [System.IO.File]::AppendAllText($script:ReportFile, "$report`n")
}

function Format-Failure {
    param([System.Management.Automation.ErrorRecord] $Record)

    $kind = if ($Record.FullyQualifiedErrorId -ne 'AssertionFailed') { "[$($Record.FullyQualifiedErrorId)] " }
    "$kind$($Record.Exception.Message)`n$($Record.ScriptStackTrace)"
}

function Stop-Check {
    param([string] $Message)

    throw [System.Management.Automation.ErrorRecord]::new([Exception]::new($Message), 'AssertionFailed', 'InvalidResult', $null)
}

# Values as a failure shows them: one a line.
function Format-Values {
    param([object[]] $Values)

    if ($Values.Count -eq 0) {
        return '    (nothing)'
    }
    [string]::Join("`n", @(foreach ($value in $Values) { if ($null -eq $value) { '    (null)' } else { "    '$value'" } }))
}

# The values are the same, in the same order, letter case included.
function Assert-Equal {
    param([object[]] $Actual, [object[]] $Expected, [string] $What)

    $same = $Actual.Count -eq $Expected.Count
    for ($i = 0; $same -and $i -lt $Expected.Count; $i++) {
        $same = $Actual[$i] -ceq $Expected[$i] -and ($null -eq $Actual[$i]) -eq ($null -eq $Expected[$i])
    }
    if (-not $same) {
        Stop-Check "$What`nexpected:`n$(Format-Values $Expected)`nfound:`n$(Format-Values $Actual)"
    }
}

function Assert-True {
    param([object] $Condition, [string] $What)

    if (-not $Condition) {
        Stop-Check "this does not hold: $What"
    }
}

# The text has the part, letter case included.
function Assert-Contains {
    param([string] $Text, [string] $Part)

    if (-not $Text.Contains($Part, [StringComparison]::Ordinal)) {
        Stop-Check "'$Part' is not in:`n$Text"
    }
}

function Assert-NotContains {
    param([string] $Text, [string] $Part)

    if ($Text.Contains($Part, [StringComparison]::Ordinal)) {
        Stop-Check "'$Part' is in:`n$Text"
    }
}

# The block ends with a terminating error, which is given.
function Assert-Throws {
    param([scriptblock] $Body)

    try {
        $null = & $Body
    } catch {
        return $_
    }
    Stop-Check 'no terminating error came'
}

# The block writes one error and goes on; the error is given.
function Assert-WritesError {
    param([scriptblock] $Body)

    $output = try {
        & $Body 2>&1
    } catch {
        Stop-Check "the error terminated: $(Format-Failure $_)"
    }
    $records = @($output).Where({ $_ -is [System.Management.Automation.ErrorRecord] })
    if ($records.Count -ne 1) {
        Stop-Check "there are $($records.Count) errors and not one: $records"
    }
    $records[0]
}

# An error has this id and category, and is of this command.
function Assert-Error {
    param([System.Management.Automation.ErrorRecord] $Record, [string] $Id, [string] $Category, [string] $Command = 'Reset-AzApiManagementBackendConnection')

    Assert-Equal $Record.FullyQualifiedErrorId "$Id,$Command" "error id of: $($Record.Exception.Message)"
    Assert-Equal "$($Record.CategoryInfo.Category)" $Category "category of: $($Record.Exception.Message)"
}

# Waits until the block gives something true: what it waits for happens in another process or thread.
function Wait-Until {
    param([scriptblock] $Condition, [string] $What)

    $end = [Environment]::TickCount64 + 20000
    while (-not (& $Condition)) {
        if ([Environment]::TickCount64 -gt $end) {
            Stop-Check "waited in vain for: $What"
        }
        [System.Threading.Thread]::Sleep(5)
    }
}

# Sets environment variables ($null unsets) while the block runs.
function Use-Environment {
    param([hashtable] $Variables, [scriptblock] $Body)

    $before = @{}
    foreach ($name in $Variables.Keys) {
        $before[$name] = [Environment]::GetEnvironmentVariable($name)
        [Environment]::SetEnvironmentVariable($name, $Variables[$name])
    }
    try {
        & $Body
    } finally {
        foreach ($name in $before.Keys) {
            [Environment]::SetEnvironmentVariable($name, $before[$name])
        }
    }
}
