function Get-AzApiManagementBackend {
    <#
    .SYNOPSIS
    Gets one backend of an API Management service, or all of them.

    .DESCRIPTION
    Gets the backend that -BackendId or -ResourceId names. With a context and no -BackendId it gets all of the service's backends,
    page by page: each page is output as it comes, and the next one is asked for when the one before has been taken.

    Which credential is used, and which variables of the environment say so, is the same as for
    Reset-AzApiManagementBackendConnection: see its notes.

    .PARAMETER Context
    Which service: a PsApiManagementContext of New-AzApiManagementContext. Its subscription is the current one.

    .PARAMETER BackendId
    The identifier of the backend. Left out or empty with -Context: all backends. With -ResourceId it must name the same backend.

    .PARAMETER ResourceId
    The Azure Resource Manager id of the backend:
    /subscriptions/<id>/resourceGroups/<name>/providers/Microsoft.ApiManagement/service/<name>/backends/<id>

    .PARAMETER DefaultProfile
    The Az context to use for this call in place of the current one, where Az.Accounts is loaded and connected. Without
    Az.Accounts it is an error: nothing can be done with it.

    .INPUTS
    Microsoft.Azure.Commands.ApiManagement.ServiceManagement.Models.PsApiManagementContext. Also the other parameters but
    DefaultProfile, by property name.

    .OUTPUTS
    Microsoft.Azure.Commands.ApiManagement.ServiceManagement.Models.PsApiManagementBackend

    .EXAMPLE
    $apimContext = New-AzApiManagementContext -ResourceGroupName "Api-Default-WestUS" -ServiceName "contoso"
    Get-AzApiManagementBackend -Context $apimContext

    Gets all backends of the service contoso.

    .EXAMPLE
    $apimContext = New-AzApiManagementContext -ResourceGroupName "Api-Default-WestUS" -ServiceName "contoso"
    Get-AzApiManagementBackend -Context $apimContext -BackendId 123

    Gets the backend 123.

    .EXAMPLE
    $apimContext = New-AzApiManagementContext -ResourceGroupName "Api-Default-WestUS" -ServiceName "contoso"
    Get-AzApiManagementBackend -Context $apimContext | Reset-AzApiManagementBackendConnection

    Resets the connections to all backends of the service.

    .LINK
    https://learn.microsoft.com/powershell/module/az.apimanagement/get-azapimanagementbackend

    .LINK
    Reset-AzApiManagementBackendConnection

    .LINK
    New-AzApiManagementContext
    #>
    [CmdletBinding(
        DefaultParameterSetName = 'ContextParameterSet',
        PositionalBinding = $false,
        HelpUri = 'https://learn.microsoft.com/powershell/module/az.apimanagement/get-azapimanagementbackend')]
    [OutputType('Microsoft.Azure.Commands.ApiManagement.ServiceManagement.Models.PsApiManagementBackend')]
    param(
        [Parameter(ParameterSetName = 'ContextParameterSet', Mandatory, ValueFromPipeline, ValueFromPipelineByPropertyName)]
        [ValidateNotNullOrEmpty()]
        [PSTypeName('Microsoft.Azure.Commands.ApiManagement.ServiceManagement.Models.PsApiManagementContext')]
        $Context,

        [Parameter(ValueFromPipelineByPropertyName)]
        [string] $BackendId,

        [Parameter(ParameterSetName = 'ResourceIdParameterSet', Mandatory, ValueFromPipelineByPropertyName)]
        [string] $ResourceId,

        [Parameter()]
        [Alias('AzContext', 'AzureRmContext', 'AzureCredential')]
        $DefaultProfile
    )

    begin {
        # A function of a module sees the global preferences only. This one obeys those of the calling script, as a compiled
        # cmdlet does.
        if (-not $PSBoundParameters.ContainsKey('ErrorAction')) { $ErrorActionPreference = $PSCmdlet.GetVariableValue('ErrorActionPreference', 'Continue') }
        if (-not $PSBoundParameters.ContainsKey('Verbose')) { $VerbosePreference = $PSCmdlet.GetVariableValue('VerbosePreference', 'SilentlyContinue') }
        if (-not $PSBoundParameters.ContainsKey('Debug')) { $DebugPreference = $PSCmdlet.GetVariableValue('DebugPreference', 'SilentlyContinue') }
        if (-not $PSBoundParameters.ContainsKey('ProgressAction')) { $ProgressPreference = $PSCmdlet.GetVariableValue('ProgressPreference', 'Continue') }
        $run = New-ReadsRun $DefaultProfile @($ErrorActionPreference, $VerbosePreference, $DebugPreference, $ProgressPreference)
        $trace = if ("$DebugPreference" -notin 'SilentlyContinue', 'Ignore') { 'debug' } elseif ("$VerbosePreference" -notin 'SilentlyContinue', 'Ignore') { 'verbose' } else { 'none' }
    }

    process {
        if ($run.Session -eq [IntPtr]::Zero) {
            Start-Reads $run $PSCmdlet $trace
        }
        if ($PSCmdlet.ParameterSetName -eq 'ResourceIdParameterSet') {
            $item = [ordered]@{ action = 'get'; id = $ResourceId }
            if ($BackendId -ne '') {
                $item['backendId'] = $BackendId
            }
            Send-Read $run $PSCmdlet $item $ResourceId
            return
        }
        $item = [ordered]@{ action = 'get'; resourceGroup = $Context.ResourceGroupName; service = $Context.ServiceName }
        if ($BackendId -ne '') {
            $item['backendId'] = $BackendId
            Send-Read $run $PSCmdlet $item $BackendId
            return
        }
        $item['action'] = 'list'
        $run.IsPaged = $true
        $run.Activity = 'Reading pages of backends'
        do {
            $run.NextLink = $null
            Send-Read $run $PSCmdlet $item $Context
            Wait-Reads $run $PSCmdlet
            $item = [ordered]@{ action = 'list'; nextLink = $run.NextLink }
        } while ($null -ne $run.NextLink)
    }

    end {
        if ($run.Session -ne [IntPtr]::Zero) {
            Complete-Reads $run $PSCmdlet
        }
    }

    clean {
        # Null where begin itself failed.
        if ($null -ne $run -and $run.Session -ne [IntPtr]::Zero) {
            Stop-Reads $run $PSCmdlet
        }
    }
}
