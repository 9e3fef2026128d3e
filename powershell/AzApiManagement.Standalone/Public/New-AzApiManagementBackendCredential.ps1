function New-AzApiManagementBackendCredential {
    <#
    .SYNOPSIS
    Makes the credential that a gateway uses when it talks to a backend.

    .DESCRIPTION
    Makes a PsApiManagementBackendCredential: client certificates, query parameters, headers and an authorization header. No
    request is sent.

    .PARAMETER CertificateThumbprint
    Thumbprints of client certificates that the API Management service holds: 40 hexadecimal digits each.

    .PARAMETER CertificateId
    Identifiers of client certificates that the API Management service holds. Where both are given, these are used, and a
    warning says so.

    .PARAMETER Query
    Query parameters to send: a hashtable of name to value or values, each a string.

    .PARAMETER Header
    Headers to send: a hashtable of name to value or values, each a string.

    .PARAMETER AuthorizationHeaderScheme
    The scheme of the authorization header, such as Basic. It needs AuthorizationHeaderParameter too.

    .PARAMETER AuthorizationHeaderParameter
    The value of the authorization header, after its scheme. It needs AuthorizationHeaderScheme too.

    .PARAMETER DefaultProfile
    Accepted as Az's cmdlets do; a credential is made without a call to Azure, so it has no effect.

    .INPUTS
    None. Nothing is taken from the pipeline.

    .OUTPUTS
    Microsoft.Azure.Commands.ApiManagement.ServiceManagement.Models.PsApiManagementBackendCredential

    .EXAMPLE
    $credential = New-AzApiManagementBackendCredential -AuthorizationHeaderScheme basic -AuthorizationHeaderParameter opensesame -Query @{ sv = 'xx', 'bb' } -Header @{ 'x-my-1' = 'val1', 'val2' }

    Makes a credential with an authorization header, a query parameter and a header.

    .EXAMPLE
    New-AzApiManagementBackendCredential -CertificateThumbprint 33CC47C6FCA848DC9B14A6F071C1EF7C33CC47C6

    Makes a credential with a client certificate.

    .LINK
    https://learn.microsoft.com/powershell/module/az.apimanagement/new-azapimanagementbackendcredential

    .LINK
    Reset-AzApiManagementBackendConnection
    #>
    [CmdletBinding(
        PositionalBinding = $false,
        HelpUri = 'https://learn.microsoft.com/powershell/module/az.apimanagement/new-azapimanagementbackendcredential')]
    [OutputType('Microsoft.Azure.Commands.ApiManagement.ServiceManagement.Models.PsApiManagementBackendCredential')]
    param(
        [string[]] $CertificateThumbprint,

        [string[]] $CertificateId,

        [hashtable] $Query,

        [hashtable] $Header,

        [string] $AuthorizationHeaderScheme,

        [string] $AuthorizationHeaderParameter,

        [Alias('AzContext', 'AzureRmContext', 'AzureCredential')]
        $DefaultProfile
    )

    end {
        Import-Engine
        # A function of a module sees the global preference only. This one obeys that of the calling script.
        if (-not $PSBoundParameters.ContainsKey('WarningAction')) { $WarningPreference = $PSCmdlet.GetVariableValue('WarningPreference', 'Continue') }
        # Az leaves out a collection that is empty; a credential has no other way to say that there is none.
        $certificates = if ($CertificateId.Count -gt 0) { , $CertificateId } elseif ($CertificateThumbprint.Count -gt 0) { , $CertificateThumbprint }
        if ($CertificateId.Count -gt 0 -and $CertificateThumbprint.Count -gt 0) {
            $PSCmdlet.WriteWarning('Both -CertificateId and -CertificateThumbprint are given. The ids are used, not the thumbprints.')
        }
        $hasScheme = -not [string]::IsNullOrWhiteSpace($AuthorizationHeaderScheme)
        $hasParameter = -not [string]::IsNullOrWhiteSpace($AuthorizationHeaderParameter)
        $problem = Get-ValuesProblem $Query $Header
        if ($hasScheme -ne $hasParameter) {
            $missing = if ($hasScheme) { 'Parameter' } else { 'Scheme' }
            $problem = "The authorization header has no $($missing.ToLowerInvariant()). Give -AuthorizationHeader$missing too, or neither."
        }
        if ($null -ne $problem) {
            $PSCmdlet.ThrowTerminatingError((New-PlainErrorRecord 'InvalidCredential' InvalidArgument $problem $null))
        }
        New-AzModel 'PsApiManagementBackendCredential' ([ordered]@{
                Certificate   = $certificates
                Query         = if ($Query.Count -gt 0) { $Query }
                Header        = if ($Header.Count -gt 0) { $Header }
                Authorization = if ($hasScheme) {
                    New-AzModel 'PsApiManagementAuthorizationHeaderCredential' ([ordered]@{
                            Scheme    = $AuthorizationHeaderScheme
                            Parameter = $AuthorizationHeaderParameter
                        })
                }
            })
    }
}

# Which value of a hashtable is not text; nothing where all are. Az says so when the credential is used; here the line that
# made it is at hand.
function Get-ValuesProblem {
    param([hashtable] $Query, [hashtable] $Header)

    foreach ($part in @('Query', $Query), @('Header', $Header)) {
        if ($null -eq $part[1]) {
            continue
        }
        foreach ($entry in $part[1].GetEnumerator()) {
            foreach ($value in $entry.Value) {
                if ($value -isnot [string]) {
                    $type = if ($null -eq $value) { 'null' } else { $value.GetType().Name }
                    return "-$($part[0]) '$($entry.Key)' has a value of type $type. Use a string or an array of strings."
                }
            }
        }
    }
}
