function New-AzApiManagementContext {
    <#
    .SYNOPSIS
    Makes a context: which API Management service the other cmdlets work on.

    .DESCRIPTION
    Makes a PsApiManagementContext from the names of a resource group and a service, or from a resource id. No request is sent:
    whether the service exists shows in the first cmdlet that uses the context.

    A context names no subscription. The cmdlets that take it use the current one, also where the context was made from a
    resource id in another.

    .PARAMETER ResourceGroupName
    The name of the resource group that the service is in.

    .PARAMETER ServiceName
    The name of the API Management service.

    .PARAMETER ResourceId
    The Azure Resource Manager id of the service, or of anything in it:
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
        $group, $service = $ResourceGroupName, $ServiceName
        if ($PSCmdlet.ParameterSetName -eq 'ResourceIdParameterSet') {
            # Names that cannot be are told here: in a later cmdlet, nobody would know that they come from an id.
            $pattern = '\A/subscriptions/[0-9a-f-]{36}/resourceGroups/([\w().-]{0,89}[\w()-])/providers/Microsoft\.ApiManagement' +
                '/service/([a-z](?:[a-z0-9-]{0,48}[a-z0-9])?)(/|\z)'
            $match = [regex]::Match($ResourceId, $pattern, 'IgnoreCase, CultureInvariant')
            if (-not $match.Success) {
                $text = "'$ResourceId' is not the resource id of an API Management service. Use one like " +
                    '/subscriptions/<id>/resourceGroups/<name>/providers/Microsoft.ApiManagement/service/<name>.'
                $PSCmdlet.WriteError((New-InputError 'InvalidResourceId' $text $ResourceId))
                return
            }
            $group, $service = $match.Groups[1].Value, $match.Groups[2].Value
        }
        New-Model 'PsApiManagementContext' ([ordered]@{ ResourceGroupName = $group; ServiceName = $service })
    }
}
