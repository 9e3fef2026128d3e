# Objects of the shapes that Az.ApiManagement gives, as custom objects.

$script:Models = 'Microsoft.Azure.Commands.ApiManagement.ServiceManagement.Models.'

function New-Context {
    param([string] $ServiceName = 'contoso', [string] $ResourceGroupName = 'Api-Default-WestUS')

    [pscustomobject] @{
        PSTypeName        = "${script:Models}PsApiManagementContext"
        ResourceGroupName = $ResourceGroupName
        ServiceName       = $ServiceName
    }
}

function Get-BackendResourceId {
    param([string] $BackendId, [int] $Subscription = 1)

    "/subscriptions/00000000-0000-0000-0000-$($Subscription.ToString('d12'))/resourceGroups/Api-Default-WestUS/providers/Microsoft.ApiManagement/service/contoso/backends/$BackendId"
}

# A backend with settings of its own, as Get-AzApiManagementBackend gives it.
function New-Backend {
    param([string] $BackendId, [string] $Prefix = '', [string] $Id)

    [pscustomobject] @{
        PSTypeName           = "$Prefix${script:Models}PsApiManagementBackend"
        Id                   = if ($Id) { $Id } else { Get-BackendResourceId $BackendId }
        ResourceGroupName    = 'Api-Default-WestUS'
        ServiceName          = 'contoso'
        BackendId            = $BackendId
        Protocol             = 'soap'
        ResourceId           = $null
        Title                = 'a title'
        Description          = $null
        Url                  = 'https://own.example/of-the-backend'
        Properties           = $null
        Proxy                = New-Proxy 'http://own-proxy.example:8080' 'own-user' 'own-password'
        Credentials          = New-Credential @{ Header = @{ 'x-own' = @('own value') } }
        ServiceFabricCluster = $null
    }
}

function New-Credential {
    param([hashtable] $Members = @{})

    $authorization = if ($Members['Scheme'] -or $Members['Parameter']) {
        [pscustomobject] @{
            PSTypeName = "${script:Models}PsApiManagementAuthorizationHeaderCredential"
            Scheme     = $Members['Scheme']
            Parameter  = $Members['Parameter']
        }
    }
    [pscustomobject] @{
        PSTypeName    = "${script:Models}PsApiManagementBackendCredential"
        Certificate   = $Members['Certificate']
        Query         = $Members['Query']
        Header        = $Members['Header']
        Authorization = $authorization
    }
}

function New-Proxy {
    param([string] $Url, [string] $UserName, [string] $Password)

    $credential = [pscredential]::Empty
    if ($UserName) {
        $secure = [securestring]::new()
        foreach ($character in $Password.ToCharArray()) {
            $secure.AppendChar($character)
        }
        $credential = [pscredential]::new($UserName, $secure)
    }
    [pscustomobject] @{
        PSTypeName       = "${script:Models}PsApiManagementBackendProxy"
        Url              = $Url
        ProxyCredentials = $credential
    }
}
