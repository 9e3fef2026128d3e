function New-AzApiManagementContext {
    <#
    .SYNOPSIS
    Makes a context: which API Management service the other cmdlets work on.

    .DESCRIPTION
    Makes a PsApiManagementContext from the names of a resource group and a service, or from a resource id. No request is sent:
    whether the service exists shows in the first cmdlet that uses the context.

    A context of names has no subscription: the cmdlets that take it use the current one. A context of a resource id keeps the
    id's subscription in its property SubscriptionId, and this module's cmdlets and Reset-AzApiManagementBackendConnection use
    it; those of Az.ApiManagement use the current one.

    .PARAMETER ResourceGroupName
    The name of the resource group that the service is in.

    .PARAMETER ServiceName
    The name of the API Management service.

    .PARAMETER ResourceId
    The Azure Resource Manager id of the service, or of anything in it but a workspace:
    /subscriptions/<id>/resourceGroups/<name>/providers/Microsoft.ApiManagement/service/<name>. Any other id is an error.

    .PARAMETER DefaultProfile
    Accepted as Az's cmdlets do; a context is made without a call to Azure, so it has no effect.

    .INPUTS
    System.String. The names or the resource id, by property name.

    .OUTPUTS
    Microsoft.Azure.Commands.ApiManagement.ServiceManagement.Models.PsApiManagementContext

    .EXAMPLE
    $apimContext = New-AzApiManagementContext -ResourceGroupName "Api-Default-WestUS" -ServiceName "contoso"

    Makes a context for the service contoso.

    .EXAMPLE
    $serviceId = '/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/Api-Default-WestUS/providers/Microsoft.ApiManagement/service/contoso'
    New-AzApiManagementContext -ResourceId $serviceId

    Makes the same context from the service's resource id.

    .LINK
    https://learn.microsoft.com/powershell/module/az.apimanagement/new-azapimanagementcontext

    .LINK
    Get-AzApiManagementBackend
    #>
    [CmdletBinding(
        DefaultParameterSetName = 'ContextParameterSet',
        PositionalBinding = $false,
        HelpUri = 'https://learn.microsoft.com/powershell/module/az.apimanagement/new-azapimanagementcontext')]
    [OutputType('Microsoft.Azure.Commands.ApiManagement.ServiceManagement.Models.PsApiManagementContext')]
    param(
        [Parameter(ParameterSetName = 'ContextParameterSet', Mandatory, ValueFromPipelineByPropertyName)]
        [ValidateNotNullOrEmpty()]
        [string] $ResourceGroupName,

        [Parameter(ParameterSetName = 'ContextParameterSet', Mandatory, ValueFromPipelineByPropertyName)]
        [ValidateNotNullOrEmpty()]
        [string] $ServiceName,

        [Parameter(ParameterSetName = 'ResourceIdParameterSet', Mandatory, ValueFromPipelineByPropertyName)]
        [string] $ResourceId,

        [Parameter()]
        [Alias('AzContext', 'AzureRmContext', 'AzureCredential')]
        $DefaultProfile
    )

    begin {
        # A function of a module sees the global preference only. This one obeys that of the calling script.
        if (-not $PSBoundParameters.ContainsKey('ErrorAction')) { $ErrorActionPreference = $PSCmdlet.GetVariableValue('ErrorActionPreference', 'Continue') }
    }

    process {
        Import-Engine
        $members = [ordered]@{ ResourceGroupName = $ResourceGroupName; ServiceName = $ServiceName }
        if ($PSCmdlet.ParameterSetName -eq 'ResourceIdParameterSet') {
            # Names that are not valid are an error here: in a later cmdlet, nobody would know that they come from an id.
            $pattern = '\A/subscriptions/([0-9a-f-]{36})/resourceGroups/([\w().-]{0,89}[\w()-])/providers/Microsoft\.ApiManagement' +
                '/service/([a-z](?:[a-z0-9-]{0,48}[a-z0-9])?)(/workspaces(?:/|\z))?(?:/|\z|(?<=/))'
            $match = [regex]::Match($ResourceId, $pattern, 'IgnoreCase, CultureInvariant')
            $problem = if (-not $match.Success) {
                "'$ResourceId' is not the resource id of an API Management service. Use one like " +
                    '/subscriptions/<id>/resourceGroups/<name>/providers/Microsoft.ApiManagement/service/<name>.'
            } elseif ($match.Groups[4].Success) {
                "'$ResourceId' is of a workspace, which a context cannot name. Pipe the workspace's backends, as " +
                    'Get-AzApiManagementBackend -ResourceId of the workspace gives them.'
            }
            if ($null -ne $problem) {
                $PSCmdlet.WriteError((New-PlainErrorRecord 'InvalidResourceId' InvalidArgument $problem $ResourceId))
                return
            }
            $members = [ordered]@{
                ResourceGroupName = $match.Groups[2].Value; ServiceName = $match.Groups[3].Value; SubscriptionId = $match.Groups[1].Value
            }
        }
        New-AzModel 'PsApiManagementContext' $members
    }
}
