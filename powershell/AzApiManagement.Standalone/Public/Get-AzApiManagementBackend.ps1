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
    Which service: a PsApiManagementContext of New-AzApiManagementContext. Its subscription is the current one, unless the
    context was made from a resource id.

    .PARAMETER BackendId
    The identifier of the backend. Left out or empty with -Context: all backends. With -ResourceId it must name the same backend.

    .PARAMETER ResourceId
    The Azure Resource Manager id of the backend, which may be one of a workspace:
    /subscriptions/<id>/resourceGroups/<name>/providers/Microsoft.ApiManagement/service/<name>[/workspaces/<name>]/backends/<id>
    The id of a workspace gets all of its backends.

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
        [ArgumentCompleter([BackendIdCompleter])]
        [string] $BackendId,

        [Parameter(ParameterSetName = 'ResourceIdParameterSet', Mandatory, ValueFromPipelineByPropertyName)]
        [string] $ResourceId,

        [Parameter()]
        [Alias('AzContext', 'AzureRmContext', 'AzureCredential')]
        $DefaultProfile
    )

    begin {
        Import-Engine
        if ($null -eq $script:Native) { $script:Native = Get-NativeType $PSCmdlet }
        # A function of a module sees the global preferences only. This one obeys those of the calling script, as a compiled
        # cmdlet does.
        if (-not $PSBoundParameters.ContainsKey('Verbose')) { $VerbosePreference = $PSCmdlet.GetVariableValue('VerbosePreference', 'SilentlyContinue') }
        if (-not $PSBoundParameters.ContainsKey('Debug')) { $DebugPreference = $PSCmdlet.GetVariableValue('DebugPreference', 'SilentlyContinue') }
        if (-not $PSBoundParameters.ContainsKey('ProgressAction')) { $ProgressPreference = $PSCmdlet.GetVariableValue('ProgressPreference', 'Continue') }
        # For what later commands of the pipeline throw; errors of this cmdlet are written under the caller's preference.
        $ErrorActionPreference = 'Continue'
        $run = $null
    }

    process {
        if ($null -eq $run) {
            $run = New-EngineRun $PSCmdlet 'Reading backends'
            $run.IsReading = $true
            $run.DefaultProfile = $DefaultProfile
            Start-EngineRun $run
            if ($null -ne $DefaultProfile -and $null -eq $run.GetToken) {
                $text = 'The value of -DefaultProfile cannot be used: Az.Accounts is not loaded, or not connected. Import Az.Accounts and run Connect-AzAccount, or leave -DefaultProfile out.'
                $PSCmdlet.ThrowTerminatingError((New-PlainErrorRecord 'InvalidDefaultProfile' InvalidArgument $text $DefaultProfile))
            }
        }
        $item = New-ReadItem $Context $ResourceId $BackendId
        if ($item.action -eq 'list') {
            $run.IsPaged = $true
            $run.Activity = 'Reading pages of backends'
        }
        $target = if ($ResourceId) { $ResourceId } elseif ($BackendId) { $BackendId } else { $Context }
        $run.Offer((ConvertTo-JsonBytes $item), $target, 1, 1)
        # Results are output by this statement, outside of every try, loop and switch (see EngineRun). Of a list, it goes on to
        # the last page.
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

# What the engine is to read (docs/abi.md, "Item"): one backend, or the pages of a service's or a workspace's.
function New-ReadItem {
    param([object] $Context, [string] $ResourceId, [string] $BackendId)

    $workspace = [regex]::Match($ResourceId, '\A/subscriptions/([^/]+)/resourceGroups/([^/]+)/providers/Microsoft\.ApiManagement/service/([^/]+)/workspaces/([^/]+)\z',
        'IgnoreCase, CultureInvariant')
    $item = if ($workspace.Success) {
        $names = $workspace.Groups
        [ordered]@{ subscription = $names[1].Value; resourceGroup = $names[2].Value; service = $names[3].Value; workspace = $names[4].Value }
    } elseif ($ResourceId) {
        [ordered]@{ id = $ResourceId }
    } else {
        [ordered]@{
            subscription = Get-PropertyValue $Context 'SubscriptionId'
            resourceGroup = Get-PropertyValue $Context 'ResourceGroupName'; service = Get-PropertyValue $Context 'ServiceName'
        }
    }
    if ($BackendId) {
        $item['backendId'] = $BackendId
    }
    $item['action'] = if ($BackendId -or $item.Contains('id')) { 'get' } else { 'list' }
    $item
}
