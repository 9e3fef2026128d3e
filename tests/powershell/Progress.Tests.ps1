# Emulator: {"writeBucket":[20,8],"subscriptions":2}
#
# Progress: for runs of more than a second, a few times a second, and taken away at the end, whatever the end is. The first
# subscription has more tokens than these checks need; the second one is for the throttle.

. "$PSScriptRoot/Setup.ps1"
. "$PSScriptRoot/Runspace.ps1"

# With one request at a time, so many resets take about that long.
$env:AZAPIM_WINDOW = '1'
$slow = '1..6 | ForEach-Object { New-Backend $_ } | Reset-AzApiManagementBackendConnection'

function Add-Latency {
    Add-Fault @{ kind = 'latency'; ms = 250; times = 100 }
}

# The records of a run, of which the last takes the progress away.
function Assert-Ended {
    param([object] $Running)

    $records = @($Running.Shell.Streams.Progress)
    Assert-True ($records.Count -ge 2) "there is progress: $($records.Count) records"
    Assert-Equal $records[-1].RecordType 'Completed' 'last record'
    Assert-Equal $records.Where({ $_.RecordType -eq 'Completed' }).Count 1 'records that end it'
    Assert-Equal $records.Where({ $_.ActivityId -ne $records[0].ActivityId }).Count 0 'records of another activity'
    $records
}

Test 'a run of less than a second shows none' {
    # On a machine with much else to do, a run may take longer than it should.
    foreach ($try in 1..10) {
        $ran = Invoke-Runspace "`$clock = [System.Diagnostics.Stopwatch]::StartNew(); 1..4 | ForEach-Object { New-Backend `$_ } | Reset-AzApiManagementBackendConnection; `$clock.ElapsedMilliseconds"
        Assert-Equal $ran.Shell.Streams.Error.Count 0 'errors'
        if ($ran.Output[0] -lt 1000) {
            Assert-Equal $ran.Shell.Streams.Progress.Count 0 'records'
            return
        }
    }
    Stop-Check 'no run took less than a second'
}

Test 'a longer one shows some, at most four a second, and ends it' {
    Add-Latency
    $clock = [System.Diagnostics.Stopwatch]::StartNew()
    $ran = Invoke-Runspace $slow
    $seconds = $clock.Elapsed.TotalSeconds
    $records = Assert-Ended $ran
    Assert-True ($records.Count - 1 -le 4 * ($seconds - 1) + 1) "$($records.Count) records in $seconds seconds"
}

Test 'it tells what is done, what failed, what is on the way, how fast, and how long it will take' {
    # The last one is not answered, so the run stays where it is until it is stopped.
    Add-Fault @{ match = '/backends/1/'; status = 404 }
    Add-Fault @{ match = '/backends/6/'; kind = 'stall' }
    $running = Start-Runspace $slow
    Wait-Until { @($running.Shell.Streams.Progress).Where({ $_.StatusDescription -like '5 done*1 in flight*' }).Count -gt 0 } 'progress of the five that are done'
    $running.Shell.Stop()
    $record = @(Assert-Ended $running)[-2]
    Assert-Equal $record.Activity 'Resetting backend connections' 'activity'
    Assert-True ($record.StatusDescription -match '^5 done, 1 failed, 1 in flight, [0-9.,]+ a second$') "status: $($record.StatusDescription)"
    Assert-Equal $record.PercentComplete 83 'percent'
}

Test 'it comes while the input goes on' {
    $ran = Invoke-Runspace '& { 1..70 | ForEach-Object { New-Backend 1 -Id nonsense }; $end = [Environment]::TickCount64 + 1500
        while ([Environment]::TickCount64 -lt $end) { New-Backend 1 -Id nonsense } } | Reset-AzApiManagementBackendConnection -ErrorAction Ignore'
    $null = Assert-Ended $ran
}

Test 'it comes while a few items take their time' {
    $ran = Invoke-Runspace '& { foreach ($n in 1..5) { New-Backend $n; [System.Threading.Thread]::Sleep(400) } } | Reset-AzApiManagementBackendConnection'
    $null = Assert-Ended $ran
}

Test 'it is taken away when an error ends the call' {
    Add-Fault @{ match = '/backends/6/'; status = 404 }
    Add-Latency
    $ran = Invoke-Runspace "$slow -ErrorAction Stop"
    Assert-Equal $ran.Shell.Streams.Error.Count 1 'errors'
    $null = Assert-Ended $ran
}

Test 'it is taken away when the pipeline is stopped' {
    Add-Latency
    Add-Fault @{ kind = 'stall'; times = 10 }
    $running = Start-Runspace $slow
    Wait-Until { $running.Shell.Streams.Progress.Count -gt 0 } 'progress'
    $running.Shell.Stop()
    $null = Assert-Ended $running
}

Test '-ProgressAction and the preference leave it out' {
    Add-Latency
    $ran = Invoke-Runspace "$slow -ProgressAction SilentlyContinue"
    Assert-Equal @($ran.Shell.Streams.Progress).Count 0 'records with -ProgressAction'
    Add-Latency
    $ran = Invoke-Runspace "`$ProgressPreference = 'SilentlyContinue'; $slow"
    Assert-Equal @($ran.Shell.Streams.Progress).Count 0 'records with the preference'
}

Test 'it tells of the throttle and until when, and -Verbose does' {
    # Made beforehand: an input as slow as the refill would never empty the bucket.
    $ran = Invoke-Runspace '$all = 1..60 | ForEach-Object { New-Backend $_ -Id (Get-BackendResourceId $_ 2) }; $all | Reset-AzApiManagementBackendConnection -Verbose'
    Assert-Equal $ran.Shell.Streams.Error.Count 0 'errors'
    $records = Assert-Ended $ran
    Assert-True ($records.Where({ $_.CurrentOperation -match '^\d+ waiting for the throttle, the next until \S' }).Count -gt 0) "throttle: $($records.CurrentOperation)"
    $told = @($ran.Shell.Streams.Verbose).Where({ $_.Message -match 'throttle' })
    Assert-True ($told.Count -gt 0) 'verbose tells of it'
    Assert-Equal @(Get-Journal).Where({ $_.status -eq 202 }).Count 60 'resets'
}
