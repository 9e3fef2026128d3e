function New-AzApiManagementBackendProxy {
    <#
    .SYNOPSIS
    Makes the description of a proxy server that a gateway uses on its way to a backend.

    .DESCRIPTION
    Makes a PsApiManagementBackendProxy. No request is sent.

    .PARAMETER Url
    The proxy server's URL, 1 to 2000 characters, such as http://proxy.contoso.com:8080.

    .PARAMETER ProxyCredential
    The user name and password for the proxy server. Left out: the proxy needs none.

    .PARAMETER DefaultProfile
    Accepted as Az's cmdlets do; a proxy is described without a call to Azure, so it has no effect.

    .INPUTS
    None. Nothing is taken from the pipeline.

    .OUTPUTS
    Microsoft.Azure.Commands.ApiManagement.ServiceManagement.Models.PsApiManagementBackendProxy

    .EXAMPLE
    $proxy = New-AzApiManagementBackendProxy -Url 'http://proxy.contoso.com:8080'

    Describes a proxy server that asks for no password.

    .EXAMPLE
    $proxy = New-AzApiManagementBackendProxy -Url 'http://proxy.contoso.com:8080' -ProxyCredential (Get-Credential)

    Asks for a user name and password, and describes a proxy server that needs them.

    .LINK
    https://learn.microsoft.com/powershell/module/az.apimanagement/new-azapimanagementbackendproxy

    .LINK
    Reset-AzApiManagementBackendConnection
    #>
    [CmdletBinding(
        PositionalBinding = $false,
        HelpUri = 'https://learn.microsoft.com/powershell/module/az.apimanagement/new-azapimanagementbackendproxy')]
    [OutputType('Microsoft.Azure.Commands.ApiManagement.ServiceManagement.Models.PsApiManagementBackendProxy')]
    param(
        [Parameter(Mandatory)]
        [ValidateNotNullOrEmpty()]
        [ValidateLength(1, 2000)]
        [string] $Url,

        [pscredential] $ProxyCredential = [pscredential]::Empty,

        [Alias('AzContext', 'AzureRmContext', 'AzureCredential')]
        $DefaultProfile
    )

    end {
        Import-Engine
        New-AzModel 'PsApiManagementBackendProxy' ([ordered]@{ Url = $Url; ProxyCredentials = $ProxyCredential })
    }
}
