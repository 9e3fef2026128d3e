# The module: its cmdlet, and the reading of everything else when it is first needed. The cmdlet stands in this file
# because reading another one costs a tenth of the import.
$script:Folder = $PSScriptRoot
$script:Native = $null
$script:RestIsLoaded = $false

# Reads the files that only some calls need: settings, errors, output, Az.Accounts, progress. Their functions name the
# script scope, since they are read from inside this one.
function Import-Rest {
    if ($script:RestIsLoaded) {
        return
    }
    foreach ($file in 'ErrorRecords', 'Settings', 'AzAccounts', 'Backend', 'EngineEvents', 'Items', 'RunProgress') {
        . "$script:Folder/Private/$file.ps1"
    }
    $script:RestIsLoaded = $true
}

# Reads the interop, at the first call. A library that cannot be used ends the call.
function Import-Native {
    param($Cmdlet)

    . "$script:Folder/Private/NativeLibrary.ps1"
    try {
        $script:Native = Get-NativeType
    } catch {
        $Cmdlet.ThrowTerminatingError($_)
    }
}

# A blank value of Protocol (a pool's backend, an empty cell of a CSV) means that none is given, but ValidateSet refuses
# it. This lets it through as a copy of 'http' that is known by its reference.
class BlankProtocol : System.Management.Automation.ArgumentTransformationAttribute {
    static [string] $NotGiven = [string]::new([char[]] 'http')

    [object] Transform([System.Management.Automation.EngineIntrinsics] $engine, [object] $value) {
        if ($null -eq $value -or ($value -is [string] -and [string]::IsNullOrWhiteSpace($value))) {
            return [BlankProtocol]::NotGiven
        }
        return $value
    }
}

# A piped object is no number of seconds, but the binder tries to make one of it and fails by three exceptions, which cost as
# much as the reset. It takes this number instead, which process never reads: only a number or text that is piped is a time.
# A long, since an int would be bound before the object itself is, and choose the parameter set.
class NoTime : System.Management.Automation.ArgumentTransformationAttribute {
    [object] Transform([System.Management.Automation.EngineIntrinsics] $engine, [object] $value) {
        if ($value -is [ValueType] -or $value -is [string] -or $null -eq $value) {
            return $value
        }
        return [long] [int]::MinValue
    }
}

# A credential or proxy of Import-Clixml, a job or a remote session is of a type "Deserialized.…", which its parameter does
# not take; nor could the backend be piped whose proxy it is. This gives it its own type name back. An empty cell is none.
class RevivedModel : System.Management.Automation.ArgumentTransformationAttribute {
    [object] Transform([System.Management.Automation.EngineIntrinsics] $engine, [object] $value) {
        if ($null -eq $value -or ($value -is [string] -and [string]::IsNullOrWhiteSpace($value))) {
            return $null
        }
        $name = $value.PSObject.TypeNames[0]
        if (-not $name.StartsWith('Deserialized.', [StringComparison]::Ordinal)) {
            return $value
        }
        $copy = $value.PSObject.Copy()
        $copy.PSObject.TypeNames.Insert(0, $name.Substring('Deserialized.'.Length))
        return $copy
    }
}

function Reset-AzApiManagementBackendConnection {
    [CmdletBinding(
        DefaultParameterSetName = 'ContextParameterSet',
        SupportsShouldProcess,
        PositionalBinding = $false,
        HelpUri = 'https://docs.microsoft.com/en-us/powershell/module/az.apimanagement/Reset-AzApiManagementBackendConnection')]
    [OutputType('Microsoft.Azure.Commands.ApiManagement.ServiceManagement.Models.PsApiManagementBackend')]
    param(
        [Parameter(ParameterSetName = 'ContextParameterSet', Mandatory, ValueFromPipeline, ValueFromPipelineByPropertyName)]
        [PSTypeName('Microsoft.Azure.Commands.ApiManagement.ServiceManagement.Models.PsApiManagementContext')]
        $Context,

        [Parameter(ParameterSetName = 'ByInputObject', Mandatory, ValueFromPipeline, ValueFromPipelineByPropertyName)]
        [PSTypeName('Microsoft.Azure.Commands.ApiManagement.ServiceManagement.Models.PsApiManagementBackend')]
        $InputObject,

        [Parameter(ParameterSetName = 'ContextParameterSet', Mandatory, ValueFromPipelineByPropertyName)]
        [Parameter(ParameterSetName = 'ByInputObject', ValueFromPipelineByPropertyName)]
        [AllowEmptyString()]
        [string] $BackendId,

        [Parameter(ValueFromPipeline)]
        [NoTime()]
        [int] $TimeUntilReset,

        [Parameter(ValueFromPipelineByPropertyName)]
        [BlankProtocol()]
        [ValidateSet('http', 'soap')]
        [string] $Protocol,

        [Parameter(ValueFromPipelineByPropertyName)]
        [string] $Url,

        [Parameter(ValueFromPipelineByPropertyName)]
        [PSTypeName('Microsoft.Azure.Commands.ApiManagement.ServiceManagement.Models.PsApiManagementBackendCredential')]
        [RevivedModel()]
        $Credential,

        [Parameter(ValueFromPipelineByPropertyName)]
        [PSTypeName('Microsoft.Azure.Commands.ApiManagement.ServiceManagement.Models.PsApiManagementBackendProxy')]
        [RevivedModel()]
        $Proxy,

        [Parameter(ValueFromPipelineByPropertyName)]
        [switch] $PassThru
    )

    begin {
        # A function of a module sees the global preferences only. This one obeys those of the calling script, as a compiled
        # cmdlet does: with $WhatIfPreference set there, nothing may be sent.
        if (-not $PSBoundParameters.ContainsKey('WhatIf')) { $WhatIfPreference = $PSCmdlet.GetVariableValue('WhatIfPreference', $false) }
        if (-not $PSBoundParameters.ContainsKey('Confirm')) { $ConfirmPreference = $PSCmdlet.GetVariableValue('ConfirmPreference', 'High') }
        if (-not $PSBoundParameters.ContainsKey('ErrorAction')) { $ErrorActionPreference = $PSCmdlet.GetVariableValue('ErrorActionPreference', 'Continue') }
        if (-not $PSBoundParameters.ContainsKey('Verbose')) { $VerbosePreference = $PSCmdlet.GetVariableValue('VerbosePreference', 'SilentlyContinue') }
        if (-not $PSBoundParameters.ContainsKey('Debug')) { $DebugPreference = $PSCmdlet.GetVariableValue('DebugPreference', 'SilentlyContinue') }
        if (-not $PSBoundParameters.ContainsKey('ProgressAction')) { $ProgressPreference = $PSCmdlet.GetVariableValue('ProgressPreference', 'Continue') }

        # What stands on the command line holds for every item, and is always meant.
        $timeIsGiven = $PSBoundParameters.ContainsKey('TimeUntilReset')
        $idIsGiven = $PSBoundParameters.ContainsKey('BackendId')
        $onCommandLine = $PSBoundParameters.Count
        $settings = ''
        # The settings on the command line, where a script block gives one of them for each item.
        $named = $null
        if ($null -eq $script:Native) {
            Import-Native $PSCmdlet
        }
        $native = $script:Native
        if ($PSBoundParameters.ContainsKey('Protocol') -or $PSBoundParameters.ContainsKey('Url') -or
            $PSBoundParameters.ContainsKey('Credential') -or $PSBoundParameters.ContainsKey('Proxy') -or $TimeUntilReset -lt 0) {
            Import-Rest
            $settings = Get-GivenSettings $PSBoundParameters $PSCmdlet
            $named = Get-NamedSettings $PSBoundParameters
        }
        $utf8 = $script:Utf8
        $quoted = $script:Quoted
        # ShouldProcess is asked where it has something to say: it costs a tenth of what a reset does.
        $asks = "$WhatIfPreference $ConfirmPreference $VerbosePreference" -cne 'False High SilentlyContinue'
        $session = [IntPtr]::Zero
        $taken = 0
    }

    process {
        $item = ''
        $own = $settings
        if ($null -ne $InputObject -and -not $idIsGiven -and $null -eq $named -and ($null -eq $_ -or [object]::ReferenceEquals($_, $InputObject))) {
            $target = $InputObject
            $id = "$($InputObject.Id)"
            $name = "$($InputObject.BackendId)"
            if ("$id$name".IndexOfAny($quoted) -lt 0) {
                $item = if ($name -ceq '') { "{""id"":""$id""" } else { "{""id"":""$id"",""backendId"":""$name""" }
            }
        }
        if ($item -ceq '') {
            # Whatever is not the plain way of a piped backend.
            Import-Rest
            if (-not $timeIsGiven -and $TimeUntilReset -eq [int]::MinValue -and $PSBoundParameters.Count -le $onCommandLine + 1) {
                # Without NoTime, the binder would say so itself.
                $PSCmdlet.WriteError((New-NotBoundRecord $_))
                return
            }
            $target = if ($null -ne $InputObject) { $InputObject } elseif ($null -ne $_) { $_ } else { $BackendId }
            $bound = @{ InputObject = $InputObject; Context = $Context; BackendId = $BackendId; IdIsGiven = $idIsGiven; Piped = $_ }
            $item = ConvertTo-TargetJson $bound
            $ofItem = if (Test-Row $_) { 'Protocol', 'Url', 'Credential', 'Proxy' } else { $named }
            if ($null -ne $ofItem) {
                $values = @{ Protocol = $Protocol; Url = $Url; Credential = $Credential; Proxy = $Proxy }
                $own = Get-ItemSettings $ofItem $PSBoundParameters $values $target $PSCmdlet
                if ($null -eq $own) {
                    return
                }
            }
        }
        if ($timeIsGiven -or ($_ -is [ValueType] -or $_ -is [string]) -and $PSBoundParameters.ContainsKey('TimeUntilReset')) {
            $item += ",""after"":$TimeUntilReset"
        }
        if ($own -cne '') {
            $item += $own
        }
        if ($PassThru) {
            $item += ',"passThru":true'
        }
        $bytes = $utf8.GetBytes("$item}")
        if ($asks) {
            Import-Rest
            if (-not (Confirm-Item $bytes $PSCmdlet)) {
                return
            }
        }
        if ($taken -eq 0) {
            $inputs = [System.Collections.Generic.Queue[object]]::new()
            $run = @{
                Session = $session; Inputs = $inputs; First = 0; GetToken = $null; Started = [Environment]::TickCount64; NextProgress = 1000
                ProgressShown = $false; ProgressId = 0; Activity = 'Resetting backend connections'; ThrottleTold = $false
                Output = { param($json) ConvertTo-Backend $json.GetProperty('backend') }
            }
            $trace = if ("$DebugPreference" -cne 'SilentlyContinue') { 'debug' } elseif ("$VerbosePreference" -cne 'SilentlyContinue') { 'verbose' } else { 'none' }
            $session = Start-EngineSession $run $PSCmdlet $trace
            $run['Session'] = $session
            $nextLook = $run['Started'] + $run['NextProgress']
        }
        $status = $native::apimbc_session_submit($session, $bytes, $bytes.Length, 50)
        while ($status -eq 1) {
            Import-Rest
            Receive-EngineEvents $run $PSCmdlet 0
            Update-RunProgress $run $PSCmdlet
            $status = $native::apimbc_session_submit($session, $bytes, $bytes.Length, 50)
        }
        if ($own -cne '') {
            [array]::Clear($bytes)
        }
        $inputs.Enqueue($target)
        $taken++
        if ($taken -eq 1 -and $null -ne $run['GetToken']) {
            # The engine asks for a token now; later it could be answered only when the next input comes.
            Import-Rest
            Receive-EngineEvents $run $PSCmdlet 1000
        }
        if ($status -ne 0) {
            Import-Rest
            # A session that takes no more has ended by an error, which is among the events.
            Receive-EngineEvents $run $PSCmdlet 0
            if ($status -ne 3) {
                Stop-OnEngineError $PSCmdlet $status ([IntPtr]::Zero)
            }
        }
        if (($taken -band 63) -eq 0 -or [Environment]::TickCount64 -ge $nextLook) {
            Import-Rest
            Skip-SettledInputs $run
            Update-RunProgress $run $PSCmdlet
            $nextLook = $run['Started'] + $run['NextProgress']
        }
    }

    end {
        if ($taken -gt 0) {
            $null = $native::apimbc_session_finish($session)
            $status = $native::apimbc_session_next($session, 50, ($kind = [int[]]::new(1)), ($number = [long[]]::new(1)), ($buffer = [IntPtr[]]::new(1)))
            if ($status -ne 2 -or $run['ProgressShown']) {
                Import-Rest
                Complete-EngineSession $run $PSCmdlet $status $kind $number $buffer
            }
            $native::apimbc_session_free($session)
            $session = [IntPtr]::Zero
        }
    }

    clean {
        # Null where begin itself failed.
        if ($null -ne $session -and $session -ne [IntPtr]::Zero) {
            Import-Rest
            Stop-EngineSession $run $PSCmdlet
        }
    }
}
