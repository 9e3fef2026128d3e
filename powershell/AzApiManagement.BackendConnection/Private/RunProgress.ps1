# Progress of a run that takes longer than a second, at most four times a second.

# Shows how far the run is, when it is time to. $Run.NextProgress is that time, in milliseconds since the start.
function script:Update-RunProgress {
    param([hashtable] $Run, [System.Management.Automation.PSCmdlet] $Cmdlet)

    $elapsed = [Environment]::TickCount64 - $Run.Started
    if ($elapsed -lt $Run.NextProgress) {
        return
    }
    $Run.NextProgress = $elapsed + 250
    $native = $script:Native
    $values = [long[]]::new(13)
    $null = $native::apimbc_session_progress($Run.Session, $values, $values.Length)
    $done = $values[2] + $values[3]
    $rate = if ($elapsed -gt 0) { $done * 1000.0 / $elapsed } else { 0.0 }
    $status = "$done done, $($values[3]) failed, $($values[6]) in flight, " + $rate.ToString('0.#', [cultureinfo]::CurrentCulture) + ' a second'
    $record = [System.Management.Automation.ProgressRecord]::new($Run.ProgressId, $Run.Activity, $status)
    $left = $values[0] - $done
    # How many pages will follow is not known, so there is no percentage and no time left.
    $isPaged = $Run['IsPaged'] -eq $true
    if ($values[8] -gt 0) {
        $until = [datetime]::Now.AddMilliseconds($values[9]).ToString('T', [cultureinfo]::CurrentCulture)
        $record.CurrentOperation = "$($values[8]) waiting for the throttle, the next until $until"
        if (-not $Run.ThrottleTold) {
            $Run.ThrottleTold = $true
            $Cmdlet.WriteVerbose("Azure Resource Manager's throttle is what the run waits for: $($values[8]) items, the next until $until.")
        }
    } else {
        $Run.ThrottleTold = $false
    }
    if ($values[0] -gt 0 -and -not $isPaged) {
        $record.PercentComplete = [int] [Math]::Min(100, 100 * $done / $values[0])
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
