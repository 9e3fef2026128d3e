# Progress of a run that takes longer than a second, at most four times a second.

# How far a session is: a table of the engine's names (docs/abi.md, "Progress") and their numbers.
function script:Read-EngineProgress {
    param([IntPtr] $Session)

    $native = $script:Native
    $buffer = [IntPtr[]]::new(1)
    $null = $native::apimbc_session_progress($Session, $buffer)
    $document = [System.Text.Json.JsonDocument]::Parse((Read-NativeBuffer $buffer[0]), [System.Text.Json.JsonDocumentOptions]::new())
    try {
        $values = @{}
        foreach ($member in $document.RootElement.EnumerateObject()) {
            if ($member.Value.ValueKind -eq 'Number') {
                $values[$member.Name] = $member.Value.GetInt64()
            }
        }
        $values
    } finally {
        $document.Dispose()
    }
}

# Shows how far the run is, when it is time to. $Run.NextProgress is that time, in milliseconds since the start.
function script:Update-RunProgress {
    param([hashtable] $Run, [System.Management.Automation.PSCmdlet] $Cmdlet)

    $elapsed = [Environment]::TickCount64 - $Run.Started
    if ($elapsed -lt $Run.NextProgress) {
        return
    }
    $Run.NextProgress = $elapsed + 250
    $values = Read-EngineProgress $Run.Session
    $done = $values['succeeded'] + $values['failed']
    $rate = if ($elapsed -gt 0) { $done * 1000.0 / $elapsed } else { 0.0 }
    $status = "$done done, $($values['failed']) failed, $($values['inFlight']) in flight, " + $rate.ToString('0.#', [cultureinfo]::CurrentCulture) + ' a second'
    $record = [System.Management.Automation.ProgressRecord]::new($Run.ProgressId, $Run.Activity, $status)
    $left = $values['submitted'] - $done
    # How many pages will follow is not known, so there is no percentage and no time left.
    $isPaged = $Run['IsPaged'] -eq $true
    if ($values['waiting'] -gt 0) {
        $until = [datetime]::Now.AddMilliseconds($values['waitMs']).ToString('T', [cultureinfo]::CurrentCulture)
        $record.CurrentOperation = "$($values['waiting']) waiting for the throttle, the next until $until"
        if (-not $Run.ThrottleTold) {
            $Run.ThrottleTold = $true
            $Cmdlet.WriteVerbose("Azure Resource Manager's throttle is what the run waits for: $($values['waiting']) items, the next until $until.")
        }
    } else {
        $Run.ThrottleTold = $false
    }
    if ($values['submitted'] -gt 0 -and -not $isPaged) {
        $record.PercentComplete = [int] [Math]::Min(100, 100 * $done / $values['submitted'])
    }
    if ($rate -gt 0 -and $left -gt 0 -and -not $isPaged) {
        $record.SecondsRemaining = [int] [Math]::Min([int]::MaxValue, $left / $rate)
    }
    $Run.ProgressShown = $true
    $Cmdlet.WriteProgress($record)
}

# The record that takes the progress away again.
function script:New-CompletedProgress {
    param([hashtable] $Run)

    $record = [System.Management.Automation.ProgressRecord]::new($Run.ProgressId, $Run.Activity, 'Done')
    $record.RecordType = [System.Management.Automation.ProgressRecordType]::Completed
    $record
}
