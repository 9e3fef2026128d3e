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
        [int] $TimeUntilReset,

        [Parameter(ValueFromPipelineByPropertyName)]
        [BlankProtocol()]
        [ValidateSet('http', 'soap')]
        [string] $Protocol,

        [Parameter(ValueFromPipelineByPropertyName)]
        [string] $Url,

        [Parameter(ValueFromPipelineByPropertyName)]
        [PSTypeName('Microsoft.Azure.Commands.ApiManagement.ServiceManagement.Models.PsApiManagementBackendCredential')]
        $Credential,

        [Parameter(ValueFromPipelineByPropertyName)]
        [PSTypeName('Microsoft.Azure.Commands.ApiManagement.ServiceManagement.Models.PsApiManagementBackendProxy')]
        $Proxy,

        [Parameter(ValueFromPipelineByPropertyName)]
        [switch] $PassThru
    )

    begin {
        Set-StrictMode -Version Latest
        $run = @{ Native = $null; Session = [IntPtr]::Zero }

        # What stands on the command line holds for every item, and is always meant.
        $given = @{}
        foreach ($name in 'Protocol', 'Url', 'Credential', 'Proxy') {
            if ($PSBoundParameters.ContainsKey($name)) {
                $given[$name] = $PSBoundParameters[$name]
            }
        }
        if ($given.ContainsKey('Protocol') -and [object]::ReferenceEquals($given['Protocol'], [BlankProtocol]::NotGiven)) {
            $PSCmdlet.ThrowTerminatingError((New-PlainErrorRecord 'InvalidProtocol' InvalidArgument "The protocol is blank. Use http or soap, or leave -Protocol out." $null))
        }
        foreach ($name in 'Credential', 'Proxy') {
            if ($given.ContainsKey($name) -and $null -eq $given[$name]) {
                $PSCmdlet.ThrowTerminatingError((New-PlainErrorRecord "Invalid$name" InvalidArgument "The value of -$name is null. Give one, or leave -$name out." $null))
            }
        }
        $timeIsGiven = $PSBoundParameters.ContainsKey('TimeUntilReset')
        $idIsGiven = $PSBoundParameters.ContainsKey('BackendId')
        $passThruIsGiven = $PSBoundParameters.ContainsKey('PassThru')
        try {
            $givenSettings = ConvertTo-SettingsJson $given
        } catch [System.Management.Automation.RuntimeException] {
            $PSCmdlet.ThrowTerminatingError($_.Exception.ErrorRecord)
        }
        $run.Native = Get-NativeType $PSCmdlet
        $native = $run.Native
        $run.Inputs = [System.Collections.Generic.Queue[object]]::new()
        $run.First = 0
        $run.Counts = [long[]]::new(13)
        $run.Clock = [System.Diagnostics.Stopwatch]::new()
        $run.NextProgress = 1000
        $run.ProgressShown = $false
        $run.ProgressId = [Environment]::CurrentManagedThreadId
        $run.ThrottleTold = $false
        $run.Output = { param($json) ConvertTo-Backend $json.GetProperty('backend') }
        $trace = Get-TraceLevel $VerbosePreference $DebugPreference
        $utf8 = $script:Utf8
        $inputs = $run.Inputs
        $clock = $run.Clock
        $taken = 0
        $noError = [IntPtr[]]::new(1)
        $backendType = $script:ModelNamespace + 'PsApiManagementBackend'
        $inputSet = 'ByInputObject'
    }

    process {
        $piped = $_
        if ($PSCmdlet.ParameterSetName -eq $inputSet) {
            $target = $InputObject
            $id = [string] $InputObject.Id
            $name = [string] $InputObject.BackendId
            # A piped backend's own name is bound to -BackendId too; one on the command line must name the same backend.
            if ($idIsGiven -and $BackendId -ne $name -and ($name.Length -eq 0 -or $id.EndsWith("/$name", [StringComparison]::OrdinalIgnoreCase))) {
                $name = $BackendId
            }
            $where = '{"id":"' + [System.Text.Json.JsonEncodedText]::Encode($id)
            if ($name.Length -gt 0 -or $idIsGiven) {
                $where += '","backendId":"' + [System.Text.Json.JsonEncodedText]::Encode($name)
            }
            $segments = $id.Split('/')
            $shown = if ($segments.Length -eq 11) { "backend '" + $segments[10] + "' of service '" + $segments[8] + "'" } else { "backend '$name'" }
            $settings = $givenSettings
        } else {
            $target = if ($null -ne $piped) { $piped } else { $BackendId }
            $where = '{"resourceGroup":"' + [System.Text.Json.JsonEncodedText]::Encode([string] $Context.ResourceGroupName) +
                '","service":"' + [System.Text.Json.JsonEncodedText]::Encode([string] $Context.ServiceName) +
                '","backendId":"' + [System.Text.Json.JsonEncodedText]::Encode($BackendId)
            $shown = "backend '$BackendId' of service '$($Context.ServiceName)'"
            $settings = $givenSettings
            if ($null -ne $piped -and $piped -isnot [ValueType] -and -not (Test-BackendOrContext $piped)) {
                # A row that is not itself a backend says what is to be changed.
                $row = @{} + $given
                if (-not [string]::IsNullOrWhiteSpace($Protocol) -and -not [object]::ReferenceEquals($Protocol, [BlankProtocol]::NotGiven)) {
                    $row['Protocol'] = $Protocol
                }
                if (-not [string]::IsNullOrWhiteSpace($Url)) {
                    $row['Url'] = $Url
                }
                if ($null -ne $Credential) {
                    $row['Credential'] = $Credential
                }
                if ($null -ne $Proxy) {
                    $row['Proxy'] = $Proxy
                }
                try {
                    $settings = ConvertTo-SettingsJson $row
                } catch [System.Management.Automation.RuntimeException] {
                    $record = $_.Exception.ErrorRecord
                    $PSCmdlet.WriteError([System.Management.Automation.ErrorRecord]::new($record.Exception, $record.FullyQualifiedErrorId, $record.CategoryInfo.Category, $target))
                    return
                }
            }
        }
        $json = $where + '"'
        $action = 'Reset connection'
        if ($timeIsGiven -or ($piped -is [ValueType] -or $piped -is [string]) -and $PSBoundParameters.ContainsKey('TimeUntilReset')) {
            $json += ',"after":' + $TimeUntilReset.ToString([cultureinfo]::InvariantCulture)
            $action += " in $TimeUntilReset seconds"
        }
        if ($settings.Length -gt 0) {
            $json += $settings
            $action += ' after changing its settings'
        }
        if ($PassThru) {
            $json += ',"passThru":true}'
        } else {
            $json += '}'
        }
        $item = $utf8.GetBytes($json)

        # Bad input is an error with -WhatIf too, and is not asked about.
        $status = $native::apimbc_item_check($item, $item.Length, $noError)
        if ($status -eq 0) {
            if (-not $PSCmdlet.ShouldProcess($shown, $action)) {
                return
            }
        } else {
            $native::apimbc_buffer_free($noError[0])
        }
        if ($taken -eq 0) {
            Start-EngineSession $run $PSCmdlet $trace
            $session = $run.Session
            $clock.Start()
        }
        do {
            $status = $native::apimbc_session_submit($session, $item, $item.Length, 50)
            if ($status -eq 1) {
                $null = Receive-EngineEvents $run $PSCmdlet 50
            }
            if ($clock.ElapsedMilliseconds -ge $run.NextProgress) {
                Update-RunProgress $run $PSCmdlet
            }
        } while ($status -eq 1)
        if ($status -ne 0 -and $status -ne 3) {
            Stop-OnEngineError $run $PSCmdlet $status ([IntPtr]::Zero)
        }
        if ($settings.Length -gt 0) {
            [array]::Clear($item)
        }
        $inputs.Enqueue($target)
        $taken++
        if ($status -eq 3) {
            $null = Receive-EngineEvents $run $PSCmdlet 0
        }
        if (($taken -band 63) -eq 0) {
            $counts = $run.Counts
            $null = $native::apimbc_session_progress($session, $counts, 2)
            while ($run.First -lt $counts[1] -and $inputs.Count -gt 0) {
                $null = $inputs.Dequeue()
                $run.First++
            }
        }
    }

    end {
        if ($taken -gt 0) {
            $null = $native::apimbc_session_finish($session)
            while (-not (Receive-EngineEvents $run $PSCmdlet 50)) {
                if ($clock.ElapsedMilliseconds -ge $run.NextProgress) {
                    Update-RunProgress $run $PSCmdlet
                }
            }
            if ($run.ProgressShown) {
                $run.ProgressShown = $false
                $PSCmdlet.WriteProgress((New-CompletedProgress $run))
            }
        }
    }

    clean {
        Close-Run $run $PSCmdlet
    }
}
