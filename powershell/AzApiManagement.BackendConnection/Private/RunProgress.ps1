# Progress of a run that takes longer than a second, at most four times a second; and what a cancel leaves.

# The session's progress (docs/abi.md, "Progress").
function Get-EngineProgress {
    param($Run, [IntPtr] $Session)

    $native = $Run.Native
    $progress = [IntPtr[]]::new(1)
    $null = $native::apimbc_session_progress($Session, $progress)
    Read-NativeJson $progress[0]
}

# Shows how far the run is, and says when it is time to do so again.
function Show-RunProgress {
    param($Run)

    $now = [Environment]::TickCount64
    $Run.NextLook = $now + 250
    $progress = Get-EngineProgress $Run $Run.Session
    $failed = $progress['failed']
    $done = $progress['succeeded'] + $failed
    $rate = ($done * 1000.0 / [Math]::Max(1, $now - $Run.Started)).ToString('0.#', [cultureinfo]::CurrentCulture)
    $record = [System.Management.Automation.ProgressRecord]::new(0, $Run.Activity, "$done done, $failed failed, $($progress['inFlight']) in flight, $rate a second")
    $wait = Get-WaitText $progress
    if ($wait -ne '') {
        $record.CurrentOperation = $wait
    }
    $reason = "$($progress['waitReason'])"
    if ($reason -ne '' -and $reason -ne $Run.WaitTold) {
        $Run.Cmdlet.WriteVerbose("The run waits: $wait.")
    }
    $Run.WaitTold = $reason
    # Before the input has ended, nobody knows how much there is; nor how many pages will follow.
    if ($Run.IsFinished -and -not $Run.IsPaged) {
        $record.PercentComplete = [int] (100 * $done / [Math]::Max(1, $progress['submitted']))
        if ($null -ne $progress['timeLeftMs']) {
            $record.SecondsRemaining = [int] [Math]::Min([int]::MaxValue, [Math]::Ceiling($progress['timeLeftMs'] / 1000))
        }
    }
    $Run.IsProgressShown = $true
    $Run.Cmdlet.WriteProgress($record)
}

# What a run waits for and until when; the empty text where it does not wait.
function Get-WaitText {
    param([hashtable] $Progress)

    $waiting = $Progress['waiting']
    $until = [datetime]::Now.AddMilliseconds($Progress['waitMs']).ToString('T', [cultureinfo]::CurrentCulture)
    switch ($Progress['waitReason']) {
        'throttle' { return "$waiting waiting for the throttle, the next until $until" }
        'retryAfter' { return "$waiting waiting because the service asked for it (Retry-After), the next until $until" }
        'outage' { return "the service has not answered for $([Math]::Round($Progress['outageMs'] / 1000)) seconds; trying until it does" }
    }
    ''
}

# The record that takes the progress away again.
function New-CompletedProgress {
    param($Run)

    $Run.IsProgressShown = $false
    $record = [System.Management.Automation.ProgressRecord]::new(0, $Run.Activity, 'Done')
    $record.RecordType = [System.Management.Automation.ProgressRecordType]::Completed
    $record
}

# Warns of what a cancel left undone, and names the first item without a result, from which a script can go on.
function Write-CancelWarning {
    param($Run, [hashtable] $Progress)

    if ($Progress['cancelled'] -le [int] $Run.IsToldByError) {
        return
    }
    $text = "Cancelled: $($Progress['cancelledUnknown']) sent without an answer, $($Progress['cancelledNotDone']) not done."
    $changed = $Progress['cancelledSettingsDone']
    if ($changed -gt 0) {
        $text += " The settings of $changed were changed without a reset."
    }
    $reset = $Progress['cancelledResetDone']
    if ($reset -gt 0) {
        $text += " $reset were reset and not read afterwards."
    }
    $first = $Progress['firstPending']
    if ($null -ne $first) {
        $workspace = $first['workspace']
        $text += " The first without a result: backend '$($first['backendId'])' of " + $(if ($workspace) { "workspace '$workspace' of " }) +
            "service '$($first['service'])' in resource group '$($first['resourceGroup'])'."
    }
    # A clean block may write warnings, also where the pipeline is stopped.
    $Run.Cmdlet.WriteWarning($text)
}
