# A session of the engine for one call of a cmdlet, as an enumerator of its results.
#
# The cmdlet writes the run as a plain statement of its process and end blocks, and PowerShell enumerates it there. So results
# go down the pipeline one by one as a compiled cmdlet's do: an error, throw, break, continue or stop of a later command acts
# on the script that wrote the pipeline, and on nothing in here. WriteObject would turn what a later command throws into its own
# exception, and output from inside a loop would give a later command's break to that loop.

class EngineRun : System.Collections.IEnumerator {
    [object] $Current
    [System.Management.Automation.PSCmdlet] $Cmdlet
    [type] $Native
    # The session's handle; zero before the start and after the end.
    [IntPtr] $Session = [IntPtr]::Zero
    # What the last call for an event gave: its status, and for an event its kind, its number and its JSON.
    [int] $Next = 1
    [int[]] $Kind = [int[]]::new(1)
    [long[]] $Number = [long[]]::new(1)
    [IntPtr[]] $Buffer = [IntPtr[]]::new(1)
    # The item that the engine has not taken yet, and the input it is of.
    [byte[]] $Item
    [object] $Target
    # The inputs whose items are not done with, oldest first; First is the number of the oldest.
    [System.Collections.Generic.Queue[object]] $Inputs = [System.Collections.Generic.Queue[object]]::new()
    [long] $First = 0
    # Results that are still to be output.
    [System.Collections.Generic.Queue[object]] $Results = [System.Collections.Generic.Queue[object]]::new()
    # Whether the enumeration goes on until everything is done, and whether it ends there with each input already.
    [bool] $IsFinished = $false
    [bool] $IsPaged = $false
    # Whether it changes nothing, so that a cancel leaves nothing undone.
    [bool] $IsReading = $false
    # Whether results are given as the service's members and not as Az's objects, and when to give up.
    [bool] $IsRaw = $false
    [long] $Deadline = [long]::MaxValue
    # Az.Accounts' command for tokens where it is connected, and the context to use in place of the current one.
    [object] $GetToken
    [object] $DefaultProfile
    # Set where the error that ended the run is about its only item.
    [bool] $IsToldByError = $false
    [string] $Activity
    [long] $Started = [Environment]::TickCount64
    [long] $NextLook = [Environment]::TickCount64 + 1000
    [bool] $IsProgressShown = $false
    [string] $WaitTold = ''

    # Goes on to the next result; false when all that can be had now has been output. Items and events are taken care of on
    # the way: what waits comes before the item at hand is sent.
    [bool] MoveNext() {
        while ($this.Results.Count -eq 0) {
            $waits = $null -eq $this.Item -and ($this.IsFinished -or ($this.IsPaged -and $this.Inputs.Count -gt 0))
            if ($this.Next -eq 1) {
                $this.GetNext($(if ($waits) { 50 } else { 0 }))
            }
            if ($this.Next -eq 0) {
                $this.Next = 1
                Receive-EngineEvent $this
                continue
            }
            if ($this.Next -eq 2) {
                Complete-EngineRun $this
                return $false
            }
            $offers = $null -ne $this.Item
            if ($offers) {
                $api = $this.Native
                $this.Take($api::apimbc_session_submit($this.Session, $this.Item, $this.Item.Length, 50))
            }
            if ([Environment]::TickCount64 -ge $this.NextLook) {
                Update-EngineRun $this
            }
            if (-not ($offers -or $waits) -or [Environment]::TickCount64 -gt $this.Deadline) {
                return $false
            }
        }
        $this.Current = $this.Results.Dequeue()
        return $true
    }

    [void] Reset() {
        throw [NotSupportedException]::new()
    }

    # Gives the run an item. Next and Offered are the statuses of the calls for an event and for the item, 1 where not made.
    [void] Offer([byte[]] $item, [object] $target, [int] $next, [int] $offered) {
        $this.Item = $item
        $this.Target = $target
        $this.Next = $next
        $this.Take($offered)
    }

    [void] Finish() {
        $api = $this.Native
        $null = $api::apimbc_session_finish($this.Session)
        $this.IsFinished = $true
    }

    hidden [void] GetNext([int] $timeout) {
        $api = $this.Native
        $this.Next = $api::apimbc_session_next($this.Session, $timeout, $this.Kind, $this.Number, $this.Buffer)
        if ($this.Next -gt 2) {
            Stop-OnEngineError $this.Cmdlet $this.Next ([IntPtr]::Zero)
        }
    }

    # Notes what the engine said to the item: not yet (1), taken (0, or 3 where an event waits), or that the session has
    # ended by an error (13), which is among the events.
    hidden [void] Take([int] $status) {
        if ($status -eq 1) {
            return
        }
        [array]::Clear($this.Item)
        $this.Item = $null
        if ($status -eq 0 -or $status -eq 3) {
            $this.Inputs.Enqueue($this.Target)
            if ($null -ne $this.GetToken -and $this.First -eq 0 -and $this.Inputs.Count -eq 1) {
                # The engine asks for a token now; later it could be answered only when the next input comes.
                $this.GetNext(1000)
            }
        } elseif ($status -ne 13) {
            Stop-OnEngineError $this.Cmdlet $status ([IntPtr]::Zero)
        }
    }
}

function New-EngineRun {
    param([System.Management.Automation.PSCmdlet] $Cmdlet, [string] $Activity)

    $run = [EngineRun]::new()
    $run.Cmdlet = $Cmdlet
    $run.Native = $script:Native
    $run.Activity = $Activity
    # As one object: an enumerator would be enumerated.
    , $run
}

# Starts the session. The preferences for -Verbose and -Debug are those of the calling cmdlet.
function Start-EngineRun {
    param($Run)

    $trace = if ("$DebugPreference" -notin 'SilentlyContinue', 'Ignore') { 'debug' } elseif ("$VerbosePreference" -notin 'SilentlyContinue', 'Ignore') { 'verbose' } else { 'none' }
    $options = @{ successEvents = $false; trace = $trace }
    # All: a script module may have imported it for itself, where this one does not see it.
    if (Get-Module -Name Az.Accounts -All) {
        Add-AzAccountsOptions $Run $options
    }
    $bytes = ConvertTo-JsonBytes $options
    $variables = [Environment]::GetEnvironmentVariables()
    $entries = foreach ($name in $variables.Keys) { "$name=$($variables[$name])" }
    $environment = $script:Utf8.GetBytes([string]::Join("`0", $entries))
    $session = [IntPtr[]]::new(1)
    $problem = [IntPtr[]]::new(1)
    $native = $Run.Native
    $status = $native::apimbc_session_new($bytes, $bytes.Length, $environment, $environment.Length, $session, $problem)
    [array]::Clear($environment)
    if ($status -ne 0) {
        Stop-OnEngineError $Run.Cmdlet $status $problem[0]
    }
    $Run.Session = $session[0]
}

# Takes care of what comes due while items go in: lets go of inputs that are done with, and shows progress.
function Update-EngineRun {
    param($Run)

    $native = $Run.Native
    $delivered = [long[]]::new(1)
    $null = $native::apimbc_session_delivered($Run.Session, $delivered)
    Skip-Input $Run $delivered[0]
    if ([Environment]::TickCount64 -ge $Run.NextLook) {
        Show-RunProgress $Run
    }
}

# Lets go of the inputs below an item's number.
function Skip-Input {
    param($Run, [long] $Number)

    $inputs = $Run.Inputs
    $first = $Run.First
    while ($first -lt $Number -and $inputs.Count -gt 0) {
        $null = $inputs.Dequeue()
        $first++
    }
    $Run.First = $first
}

# Ends a run that is done.
function Complete-EngineRun {
    param($Run)

    $native = $Run.Native
    $native::apimbc_session_free($Run.Session)
    $Run.Session = [IntPtr]::Zero
    if ($Run.IsProgressShown) {
        $Run.Cmdlet.WriteProgress((New-CompletedProgress $Run))
    }
}

# Ends a run in a clean block: if it is not done, cancels what is left, takes its progress away, and warns of what is undone.
function Stop-EngineRun {
    param($Run)

    if ($Run.Session -eq [IntPtr]::Zero) {
        return
    }
    $native = $Run.Native
    $session = $Run.Session
    $Run.Session = [IntPtr]::Zero
    $null = $native::apimbc_session_cancel($session)
    $progress = Get-EngineProgress $Run $session
    $native::apimbc_session_free($session)
    if ($Run.IsProgressShown) {
        # A stopped pipeline takes no progress any more, so the host is written to directly.
        $Run.Cmdlet.Host.UI.WriteProgress(0, (New-CompletedProgress $Run))
    }
    if (-not $Run.IsReading) {
        Write-CancelWarning $Run $progress
    }
}
