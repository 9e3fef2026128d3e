# The module: its cmdlet and the attributes of its parameters. Everything else is in Engine.ps1, which `cargo xtask stage`
# joins from the files of Private/, and which the first call reads: reading it costs more than the whole import.
$script:Native = $null

# Reads Engine.ps1 and loads the native library. A library that cannot be used ends the call.
function Import-Engine {
    param($Cmdlet)

    . "$PSScriptRoot/Engine.ps1"
    $script:Native = Get-NativeType $Cmdlet
}

# A blank Protocol (a pool's backend, an empty cell of a CSV) means "not given", but ValidateSet refuses it. This passes it on
# as a copy of 'http' that is known by its reference.
class BlankProtocol : System.Management.Automation.ArgumentTransformationAttribute {
    static [string] $NotGiven = [string]::new([char[]] 'http')

    [object] Transform([System.Management.Automation.EngineIntrinsics] $engine, [object] $value) {
        if ($null -eq $value -or ($value -is [string] -and [string]::IsNullOrWhiteSpace($value))) {
            return [BlankProtocol]::NotGiven
        }
        return $value
    }
}

# A piped object is not a number of seconds, but the binder tries to convert it and fails with three exceptions, which cost as
# much as the reset. It gets $null instead, which means "not given", as a blank does.
class NoTime : System.Management.Automation.ArgumentTransformationAttribute {
    [object] Transform([System.Management.Automation.EngineIntrinsics] $engine, [object] $value) {
        if ($value -is [ValueType] -or ($value -is [string] -and -not [string]::IsNullOrWhiteSpace($value))) {
            return $value
        }
        if ($value -is [System.Collections.IEnumerable] -and $value -isnot [string]) {
            # Fails with the error of a plain [int]; the collection itself would fail with one about Nullable.
            return $value.GetType().FullName
        }
        return $null
    }
}

# An object of Az's type. One of Import-Clixml, a job or a remote session is of a type "Deserialized.…", which the parameter
# does not take: it gets its own type name back. A blank is none, and anything else is an error that names the right cmdlet.
class AzModel : System.Management.Automation.ArgumentTransformationAttribute {
    [string] $Name

    AzModel([string] $name) { $this.Name = $name }

    [object] Transform([System.Management.Automation.EngineIntrinsics] $engine, [object] $value) {
        if ($null -eq $value -or ($value -is [string] -and [string]::IsNullOrWhiteSpace($value))) {
            return $null
        }
        $type = "Microsoft.Azure.Commands.ApiManagement.ServiceManagement.Models.$($this.Name)"
        if ($value.PSObject.TypeNames.Contains($type)) {
            return $value
        }
        if (-not $value.PSObject.TypeNames.Contains("Deserialized.$type")) {
            $maker = $this.Name.Replace('PsApiManagement', 'New-AzApiManagement')
            throw "It takes a $($this.Name), and this is a $($value.PSObject.TypeNames[0]). Make one with $maker."
        }
        $copy = $value.PSObject.Copy()
        $copy.PSObject.TypeNames.Insert(0, $type)
        return $copy
    }
}

# Tab on -BackendId lists the backends of -Context.
class BackendIdCompleter : System.Management.Automation.IArgumentCompleter {
    [System.Collections.Generic.IEnumerable[System.Management.Automation.CompletionResult]] CompleteArgument(
        [string] $command, [string] $parameter, [string] $word, [System.Management.Automation.Language.CommandAst] $ast, [System.Collections.IDictionary] $bound) {
        if ($null -eq $bound['Context']) { return $null }
        if ($null -eq $script:Native) { Import-Engine $null }
        return [System.Management.Automation.CompletionResult[]] @(Get-BackendIdCompletion $word $bound['Context'])
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
        [ArgumentCompleter([BackendIdCompleter])]
        [string] $BackendId,

        [Parameter(ValueFromPipeline)]
        [NoTime()]
        [Nullable[int]] $TimeUntilReset,

        [Parameter(ValueFromPipelineByPropertyName)]
        [BlankProtocol()]
        [ValidateSet('http', 'soap')]
        [string] $Protocol,

        [Parameter(ValueFromPipelineByPropertyName)]
        [string] $Url,

        [Parameter(ValueFromPipelineByPropertyName)]
        [PSTypeName('Microsoft.Azure.Commands.ApiManagement.ServiceManagement.Models.PsApiManagementBackendCredential')]
        [AzModel('PsApiManagementBackendCredential')]
        $Credential,

        [Parameter(ValueFromPipelineByPropertyName)]
        [PSTypeName('Microsoft.Azure.Commands.ApiManagement.ServiceManagement.Models.PsApiManagementBackendProxy')]
        [AzModel('PsApiManagementBackendProxy')]
        $Proxy,

        [Parameter(ValueFromPipelineByPropertyName)]
        [switch] $PassThru
    )

    begin {
        if ($null -eq $script:Native) { Import-Engine $PSCmdlet }
        # A function of a module sees the global preferences only. This one obeys those of the calling script, as a compiled
        # cmdlet does: with $WhatIfPreference set there, nothing may be sent.
        if (-not $PSBoundParameters.ContainsKey('WhatIf')) { $WhatIfPreference = $PSCmdlet.GetVariableValue('WhatIfPreference', $false) }
        if (-not $PSBoundParameters.ContainsKey('Confirm')) { $ConfirmPreference = $PSCmdlet.GetVariableValue('ConfirmPreference', 'High') }
        if (-not $PSBoundParameters.ContainsKey('Verbose')) { $VerbosePreference = $PSCmdlet.GetVariableValue('VerbosePreference', 'SilentlyContinue') }
        if (-not $PSBoundParameters.ContainsKey('Debug')) { $DebugPreference = $PSCmdlet.GetVariableValue('DebugPreference', 'SilentlyContinue') }
        if (-not $PSBoundParameters.ContainsKey('WarningAction')) { $WarningPreference = $PSCmdlet.GetVariableValue('WarningPreference', 'Continue') }
        if (-not $PSBoundParameters.ContainsKey('ProgressAction')) { $ProgressPreference = $PSCmdlet.GetVariableValue('ProgressPreference', 'Continue') }
        # The caller's preference is for this cmdlet's own errors (Write-RunError). With it here, what a later command of the
        # pipeline throws would be handled by it too, and this function would go on.
        $ErrorActionPreference = 'Continue'

        $native = $script:Native
        $run = $null
        # What is on the command line holds for every item.
        $call = @{ Cmdlet = $PSCmdlet; Given = @{} + $PSBoundParameters; Warned = @{} }
        $settings = ''
        $isPlain = -not $PSBoundParameters.ContainsKey('BackendId')
        if ($PSBoundParameters.ContainsKey('Protocol') -or $PSBoundParameters.ContainsKey('Url') -or $PSBoundParameters.ContainsKey('Credential') -or
            $PSBoundParameters.ContainsKey('Proxy') -or $PSBoundParameters.ContainsKey('TimeUntilReset')) {
            $settings = Get-CommandLineSettings $call
            $isPlain = $isPlain -and -not (Test-DelayedSetting $call)
        }
        $encoder = [System.Text.Encodings.Web.JavaScriptEncoder]::Default
        # ShouldProcess costs a tenth of what a reset does, so it is called only where it has something to say.
        $asks = "$WhatIfPreference $ConfirmPreference $VerbosePreference" -cne 'False High SilentlyContinue'
    }

    process {
        # The item: what the engine is to do (docs/abi.md, "Item"). A piped backend, or -InputObject alone, is the usual case.
        if ($isPlain -and $null -ne $InputObject -and ($null -eq $_ -or [object]::ReferenceEquals($_, $InputObject))) {
            $target = $InputObject
            $item = '{"id":"' + $encoder.Encode([string] $InputObject.Id) + '"'
            if ($InputObject.BackendId) { $item += ',"backendId":"' + $encoder.Encode([string] $InputObject.BackendId) + '"' }
            if ($null -ne $TimeUntilReset) { $item += ",""after"":$TimeUntilReset" }
            $item += $settings
        } else {
            $target = if ($null -ne $InputObject) { $InputObject } elseif ($null -ne $_) { $_ } else { $BackendId }
            $values = @{
                Context = $Context; InputObject = $InputObject; BackendId = $BackendId; TimeUntilReset = $TimeUntilReset
                Protocol = $Protocol; Url = $Url; Credential = $Credential; Proxy = $Proxy
            }
            $item = New-ResetItem $call $PSBoundParameters $values $_ $settings
            if ($null -eq $item) { return }
        }
        if ($PassThru) { $item += ',"passThru":true' }
        $bytes = [System.Text.Encoding]::UTF8.GetBytes("$item}")
        if ($asks -and -not (Confirm-Item $PSCmdlet $bytes)) { return }

        if ($null -eq $run) {
            $run = New-EngineRun $PSCmdlet 'Resetting backend connections'
            Start-EngineRun $run
            $session, $inputs, $kind, $number, $buffer = $run.Session, $run.Inputs, $run.Kind, $run.Number, $run.Buffer
            $next, $offered = 1, 1
        } else {
            # What is known by now comes out before anything else is sent. Mostly no event waits, and there is room.
            $next = $native::apimbc_session_next($session, 0, $kind, $number, $buffer)
            $offered = if ($next -eq 1) { $native::apimbc_session_submit($session, $bytes, $bytes.Length, 0) } else { 1 }
        }
        if ($offered -eq 0) {
            [array]::Clear($bytes)
            $inputs.Enqueue($target)
            if (($inputs.Count -band 63) -eq 0 -or [Environment]::TickCount64 -ge $run.NextLook) { Update-EngineRun $run }
            return
        }
        $run.Offer($bytes, $target, $next, $offered)
        # Results are output by this statement, and it stands outside of every try, loop and switch: in one of them, an error,
        # break or continue of a later command would act on it (see EngineRun).
        $run
    }

    end {
        if ($null -ne $run) {
            $run.Finish()
            $run
        }
    }

    clean {
        # Null where begin failed, or without input.
        if ($null -ne $run) { Stop-EngineRun $run }
    }
}
