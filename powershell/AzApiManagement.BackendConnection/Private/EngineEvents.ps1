# What a session says while it goes on: results, errors, log lines, requests for tokens.
#
# A run is a hashtable that the cmdlet's blocks and these functions share:
#   Session    the session's handle; zero when there is none
#   Inputs     the inputs whose items are not done with, oldest first (a queue); First is the number of the oldest
#   Output     a script block that turns a result's JSON into output; it is given the JSON and the run
#   GetToken   the command of Az.Accounts that gives tokens, where it is connected
#   Started    when the session was started, in milliseconds of [Environment]::TickCount64
#   Ended      true once every event of a finished session was taken
#   ToldOf     1 where the error that ended the session tells what became of one of its items
#
# Results are the output of these functions, and so of the cmdlet: given to WriteObject, whatever a later command of the
# pipeline throws would come back as that method's exception.

# Ends the call with the error of a failed engine call.
function script:Stop-OnEngineError {
    param([System.Management.Automation.PSCmdlet] $Cmdlet, [int] $Status, [IntPtr] $Problem)

    if ($Problem -eq [IntPtr]::Zero) {
        $Cmdlet.ThrowTerminatingError((New-PlainErrorRecord 'EngineFailure' NotSpecified "The engine failed with status $Status. This is a defect; please report it." $null))
    }
    $document = [System.Text.Json.JsonDocument]::Parse((Read-NativeBuffer $Problem), [System.Text.Json.JsonDocumentOptions]::new())
    try {
        $Cmdlet.ThrowTerminatingError((New-EngineErrorRecord $document.RootElement $null))
    } finally {
        $document.Dispose()
    }
}

# Reads and frees a buffer of the engine's.
function script:Read-NativeBuffer {
    param([IntPtr] $Buffer)

    $native = $script:Native
    $length = $native::apimbc_buffer_length($Buffer)
    $text = [System.Runtime.InteropServices.Marshal]::PtrToStringUTF8($native::apimbc_buffer_data($Buffer), [int] $length)
    $native::apimbc_buffer_free($Buffer)
    $text
}

# Takes the events that wait, for at most $Timeout milliseconds for the first.
function script:Receive-EngineEvents {
    param([hashtable] $Run, [System.Management.Automation.PSCmdlet] $Cmdlet, [int] $Timeout)

    $native = $script:Native
    $kind = [int[]]::new(1)
    $number = [long[]]::new(1)
    $buffer = [IntPtr[]]::new(1)
    while ($true) {
        $status = $native::apimbc_session_next($Run.Session, $Timeout, $kind, $number, $buffer)
        if ($status -eq 1) {
            return
        }
        if ($status -eq 2) {
            $Run['Ended'] = $true
            return
        }
        if ($status -ne 0) {
            Stop-OnEngineError $Cmdlet $status ([IntPtr]::Zero)
        }
        $Timeout = 0
        Write-EngineEvent $Run $Cmdlet $kind[0] $number[0] $buffer[0]
    }
}

# Takes what is left of a finished session, and ends its progress. The first call for an event has been made: $Status and the
# others are what it gave.
function script:Complete-EngineSession {
    param([hashtable] $Run, [System.Management.Automation.PSCmdlet] $Cmdlet, [int] $Status, [int[]] $Kind, [long[]] $Number, [IntPtr[]] $Buffer)

    if ($Status -eq 0) {
        Write-EngineEvent $Run $Cmdlet $Kind[0] $Number[0] $Buffer[0]
    } elseif ($Status -eq 2) {
        $Run['Ended'] = $true
    } elseif ($Status -ne 1) {
        Stop-OnEngineError $Cmdlet $Status ([IntPtr]::Zero)
    }
    while (-not $Run['Ended']) {
        Receive-EngineEvents $Run $Cmdlet 50
        if (-not $Run['Ended']) {
            Update-RunProgress $Run $Cmdlet
        }
    }
    if ($Run.ProgressShown) {
        $Run.ProgressShown = $false
        $Cmdlet.WriteProgress((New-CompletedProgress $Run))
    }
}

function script:Write-EngineEvent {
    param([hashtable] $Run, [System.Management.Automation.PSCmdlet] $Cmdlet, [int] $Kind, [long] $Number, [IntPtr] $Buffer)

    $document = [System.Text.Json.JsonDocument]::Parse((Read-NativeBuffer $Buffer), [System.Text.Json.JsonDocumentOptions]::new())
    try {
        $json = $document.RootElement
        switch ($Kind) {
            1 { Write-ItemResult $Run $Cmdlet $Number $json }
            2 { Send-AzAccountsToken $Run $Number $json }
            3 { Write-EngineLog $Cmdlet $json }
            4 {
                $problem = $json.GetProperty('error')
                # It is that of an item's request, or there is one item only.
                $Run['ToldOf'] = [int] ($null -ne (Get-JsonText $json 'item') -or $Run.First + $Run.Inputs.Count -eq 1)
                $Cmdlet.ThrowTerminatingError((New-EngineErrorRecord $problem $null))
            }
        }
    } finally {
        $document.Dispose()
    }
}

function script:Write-EngineLog {
    param([System.Management.Automation.PSCmdlet] $Cmdlet, [System.Text.Json.JsonElement] $Json)

    $text = Get-JsonText $Json 'text'
    # With -Debug and without -Verbose, PowerShell would ask at each verbose line whether to go on.
    $bound = $Cmdlet.MyInvocation.BoundParameters
    if ((Get-JsonText $Json 'level') -eq 'debug' -or ($bound.ContainsKey('Debug') -and -not $bound.ContainsKey('Verbose'))) {
        $Cmdlet.WriteDebug($text)
    } else {
        $Cmdlet.WriteVerbose($text)
    }
}

function script:Write-ItemResult {
    param([hashtable] $Run, [System.Management.Automation.PSCmdlet] $Cmdlet, [long] $Number, [System.Text.Json.JsonElement] $Json)

    $target = Skip-Input $Run $Number
    switch (Get-JsonText $Json 'outcome') {
        'succeeded' {
            & $Run.Output $Json $Run
        }
        'failed' {
            $record = New-EngineErrorRecord $Json.GetProperty('error') $target
            if ((Get-JsonText $Json.GetProperty('error') 'fatal') -eq 'True') {
                $Cmdlet.ThrowTerminatingError($record)
            }
            $Cmdlet.WriteError($record)
        }
    }
}

# Lets go of the inputs below an item's number, and gives that item's.
function script:Skip-Input {
    param([hashtable] $Run, [long] $Number)

    $inputs = $Run.Inputs
    while ($Run.First -lt $Number -and $inputs.Count -gt 0) {
        $null = $inputs.Dequeue()
        $Run.First++
    }
    if ($inputs.Count -gt 0) {
        , $inputs.Peek()
    }
}

# Lets go of the inputs that are done with.
function script:Skip-SettledInputs {
    param([hashtable] $Run)

    $native = $script:Native
    $delivered = [long[]]::new(1)
    $null = $native::apimbc_session_delivered($Run.Session, $delivered)
    $inputs = $Run.Inputs
    $first = $Run.First
    while ($first -lt $delivered[0] -and $inputs.Count -gt 0) {
        $null = $inputs.Dequeue()
        $first++
    }
    $Run.First = $first
}

# Ends a session that is not done: cancels what is left, takes the progress away, and says once what was given up.
function script:Stop-EngineSession {
    param([hashtable] $Run, [System.Management.Automation.PSCmdlet] $Cmdlet)

    $native = $script:Native
    $session = $Run.Session
    $Run.Session = [IntPtr]::Zero
    $null = $native::apimbc_session_cancel($session)
    $progress = Read-EngineProgress $session
    $native::apimbc_session_free($session)
    if ($Run.ProgressShown) {
        # A stopped pipeline takes no progress any more, so the host is written to directly.
        $Cmdlet.Host.UI.WriteProgress($Run.ProgressId, (New-CompletedProgress $Run))
    }
    $unsent = $progress['cancelledNotDone']
    $unanswered = $progress['cancelled'] - $unsent - [int] $Run['ToldOf']
    if ($unsent + $unanswered -gt 0) {
        # A function of a module sees the global preference only; that of the calling script holds.
        if (-not $Cmdlet.MyInvocation.BoundParameters.ContainsKey('WarningAction')) {
            $WarningPreference = $Cmdlet.GetVariableValue('WarningPreference', 'Continue')
        }
        # A clean block may write warnings, also where the pipeline is stopped.
        $Cmdlet.WriteWarning("Cancelled: $unanswered sent and not yet answered, $unsent never sent.")
    }
}
