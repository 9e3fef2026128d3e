# Reading backends through the engine. A run is the main module's (its EngineEvents.ps1), with four members more:
#   Sent            how many items were submitted
#   NextLink        where the page after the last one read is; $null after the last page
#   DefaultProfile  the value of -DefaultProfile, or $null
#   Preferences     the preferences that hold for the call; each block takes them into the main module's scope, where the
#                   variables of this one are not seen

# A run with its session. $Run is the caller's, so that it can end a session that this did not finish starting.
function Start-Reads {
    param([hashtable] $Run, [System.Management.Automation.PSCmdlet] $Cmdlet, [string] $Trace)

    & (Get-Main) {
        param($Run, $Cmdlet, $Trace)

        $ErrorActionPreference, $VerbosePreference, $DebugPreference, $ProgressPreference = $Run.Preferences
        Import-Rest
        if ($null -eq $script:Native) {
            Import-Native $Cmdlet
        }
        $Run.Session = Start-EngineSession $Run $Cmdlet $Trace
        if ($null -ne $Run.DefaultProfile -and $null -eq $Run.GetToken) {
            $text = 'The value of -DefaultProfile cannot be used: Az.Accounts is not loaded, or not connected. Import Az.Accounts and run Connect-AzAccount, or leave -DefaultProfile out.'
            $Cmdlet.ThrowTerminatingError((New-PlainErrorRecord 'InvalidDefaultProfile' InvalidArgument $text $Run.DefaultProfile))
        }
    } $Run $Cmdlet $Trace
}

# A run that has not begun.
function New-ReadsRun {
    param([object] $DefaultProfile, [object[]] $Preferences)

    $run = @{
        Session = [IntPtr]::Zero; Inputs = [System.Collections.Generic.Queue[object]]::new(); First = 0; GetToken = $null
        Started = [Environment]::TickCount64; NextProgress = 1000; ProgressShown = $false; ProgressId = 1
        Activity = 'Reading backends'; IsPaged = $false; ThrottleTold = $false; Output = $null
        Sent = 0; NextLink = $null; DefaultProfile = $DefaultProfile; Preferences = $Preferences
    }
    $run.Output = & (Get-Main) {
        {
            param($Json, $Run)

            $page = Get-JsonElement $Json 'backends'
            if ($null -eq $page) {
                return ConvertTo-Backend $Json.GetProperty('backend')
            }
            $Run.NextLink = Get-JsonText $Json 'nextLink'
            foreach ($backend in $page.EnumerateArray()) {
                ConvertTo-Backend $backend
            }
        }
    }
    $run
}

# Hands one item to the engine. Results of earlier items are output meanwhile, where there is no room or some wait.
function Send-Read {
    param([hashtable] $Run, [System.Management.Automation.PSCmdlet] $Cmdlet, [System.Collections.Specialized.OrderedDictionary] $Members, [object] $Target)

    & (Get-Main) {
        param($Run, $Cmdlet, $Members, $Target)

        $ErrorActionPreference, $VerbosePreference, $DebugPreference, $ProgressPreference = $Run.Preferences
        $native = $script:Native
        $texts = foreach ($member in $Members.GetEnumerator()) {
            '"' + $member.Key + '":' + (ConvertTo-JsonString $member.Value)
        }
        $bytes = $script:Utf8.GetBytes('{' + [string]::Join(',', @($texts)) + '}')
        do {
            $status = $native::apimbc_session_submit($Run.Session, $bytes, $bytes.Length, 50)
            if ($status -eq 1) {
                Receive-EngineEvents $Run $Cmdlet 0
                Update-RunProgress $Run $Cmdlet
            }
        } while ($status -eq 1)
        $Run.Inputs.Enqueue($Target)
        $Run.Sent++
        if ($status -ne 0) {
            # A session that takes no more has ended by an error, which is among the events.
            Receive-EngineEvents $Run $Cmdlet 0
            if ($status -ne 3) {
                Stop-OnEngineError $Cmdlet $status ([IntPtr]::Zero)
            }
        }
        if (($Run.Sent -band 63) -eq 0) {
            Update-RunProgress $Run $Cmdlet
        }
    } $Run $Cmdlet $Members $Target
}

# Waits until every item that was handed over is output.
function Wait-Reads {
    param([hashtable] $Run, [System.Management.Automation.PSCmdlet] $Cmdlet)

    & (Get-Main) {
        param($Run, $Cmdlet)

        $ErrorActionPreference, $VerbosePreference, $DebugPreference, $ProgressPreference = $Run.Preferences
        $native = $script:Native
        $delivered = [long[]]::new(1)
        do {
            Receive-EngineEvents $Run $Cmdlet 50
            Update-RunProgress $Run $Cmdlet
            $null = $native::apimbc_session_delivered($Run.Session, $delivered)
        } while ($delivered[0] -lt $Run.Sent)
    } $Run $Cmdlet
}

# Takes what is left, and ends the session.
function Complete-Reads {
    param([hashtable] $Run, [System.Management.Automation.PSCmdlet] $Cmdlet)

    & (Get-Main) {
        param($Run, $Cmdlet)

        $ErrorActionPreference, $VerbosePreference, $DebugPreference, $ProgressPreference = $Run.Preferences
        $native = $script:Native
        $null = $native::apimbc_session_finish($Run.Session)
        Complete-EngineSession $Run $Cmdlet 1 $null $null $null
        $native::apimbc_session_free($Run.Session)
        $Run.Session = [IntPtr]::Zero
    } $Run $Cmdlet
}

# Gives up a session that is not done. Nothing was changed by it, so there is nothing to tell.
function Stop-Reads {
    param([hashtable] $Run, [System.Management.Automation.PSCmdlet] $Cmdlet)

    & (Get-Main) {
        param($Run, $Cmdlet)

        $native = $script:Native
        $native::apimbc_session_free($Run.Session)
        $Run.Session = [IntPtr]::Zero
        if ($Run.ProgressShown) {
            # The pipeline may be stopped, so the host is written to directly.
            $Cmdlet.Host.UI.WriteProgress($Run.ProgressId, (New-CompletedProgress $Run))
        }
    } $Run $Cmdlet
}
