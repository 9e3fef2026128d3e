# New-AzApiManagementBackendProxy: what the proxy holds, what it is refused for, and what a reset makes of it.

. "$PSScriptRoot/Setup.ps1"
. "$PSScriptRoot/AllStreams.ps1"

Import-Module AzApiManagement.Standalone

$context = New-Context
$command = 'New-AzApiManagementBackendProxy'

function New-Secret {
    param([string] $UserName, [string] $Password)

    $secure = [securestring]::new()
    foreach ($character in $Password.ToCharArray()) {
        $secure.AppendChar($character)
    }
    [pscredential]::new($UserName, $secure)
}

# What a reset with the proxy writes to the backend.
function Get-Written {
    param([object] $Proxy)

    Reset-AzApiManagementBackendConnection -Context $context -BackendId 1 -Proxy $Proxy
    $sent = @(Get-Sent)
    $null = Invoke-Control DELETE journal
    Assert-Equal $sent[1] 'POST 1/reconnect' 'the reset after the change'
    $sent[0] -replace '^PATCH 1 \{"properties":\{"proxy":(.*)\}\}$', '$1'
}

# A proxy that can be made, as Az makes it, and that no backend can take.
function Assert-RefusedByReset {
    param([object] $Proxy, [string] $Named)

    $problem = Assert-Throws { Reset-AzApiManagementBackendConnection -Context $context -BackendId 1 -Proxy $Proxy }
    Assert-Error $problem InvalidProxy InvalidArgument
    Assert-Contains $problem.Exception.Message $Named
    Assert-Equal (Get-Journal) @() 'sent'
}

Test 'its shape is that of Az' {
    $proxy = New-AzApiManagementBackendProxy -Url 'http://proxy.contoso.com:8080' -ProxyCredential (New-Secret 'user' 'password')
    Assert-Equal $proxy.PSObject.TypeNames[0] "${Models}PsApiManagementBackendProxy" 'type name'
    Assert-Equal $proxy.PSObject.Properties.Name 'Url', 'ProxyCredentials' 'properties'
    Assert-Equal $proxy.Url 'http://proxy.contoso.com:8080' 'Url'
    Assert-True ($proxy.ProxyCredentials -is [pscredential]) 'ProxyCredentials is a PSCredential'
    Assert-Equal $proxy.ProxyCredentials.UserName 'user' 'user name'
    Assert-Equal (Get-Journal) @() 'sent'
}

Test 'without a credential it has the empty one, and neither name nor password is written' {
    $proxy = New-AzApiManagementBackendProxy -Url 'http://proxy.contoso.com:8080'
    Assert-True ([object]::ReferenceEquals($proxy.ProxyCredentials, [pscredential]::Empty)) 'ProxyCredentials is PSCredential.Empty'
    Assert-Equal (Get-Written $proxy) '{"url":"http://proxy.contoso.com:8080"}' 'written'
    Assert-Equal (Get-Written (New-AzApiManagementBackendProxy -Url 'http://proxy.contoso.com:8080' -ProxyCredential $null)) '{"url":"http://proxy.contoso.com:8080"}' 'written'
}

Test 'name and password are written as they were typed' {
    foreach ($user in 'user', 'DOMAIN\user', 'user@contoso.com', "user $([char] 0xE9)") {
        $written = ConvertFrom-Json (Get-Written (New-AzApiManagementBackendProxy -Url 'https://proxy.contoso.com' -ProxyCredential (New-Secret $user 'p"ass\word')))
        Assert-Equal $written.username, $written.password $user, 'p"ass\word' 'written'
    }
}

Test 'a name with an empty password' {
    Assert-Equal (Get-Written (New-AzApiManagementBackendProxy -Url 'http://proxy.contoso.com' -ProxyCredential (New-Secret 'user' ''))) '{"url":"http://proxy.contoso.com","username":"user"}' 'written'
}

Test 'a URL of the greatest length, a longer one, and none' {
    $most = 'http://proxy.contoso.com/' + 'a' * 1975
    Assert-Equal (New-AzApiManagementBackendProxy -Url $most).Url $most 'Url'
    foreach ($call in { New-AzApiManagementBackendProxy -Url "${most}a" }, { New-AzApiManagementBackendProxy -Url '' }, { New-AzApiManagementBackendProxy -Url $null }) {
        Assert-Error (Assert-Throws $call) ParameterArgumentValidationError InvalidData $command
    }
    Assert-Equal (Get-Journal) @() 'sent'
}

Test 'a URL that is none is refused by the call that would write it' {
    foreach ($bad in 'proxy.contoso.com:8080', '/proxy', 'ftp://proxy.contoso.com', 'http://') {
        Assert-RefusedByReset (New-AzApiManagementBackendProxy -Url $bad) "'$bad'"
    }
    Assert-RefusedByReset (New-AzApiManagementBackendProxy -Url ' ') 'URL'
}

Test 'something else than a PSCredential does not bind' {
    foreach ($call in { New-AzApiManagementBackendProxy -Url 'http://proxy.contoso.com' -ProxyCredential 42 }, { New-AzApiManagementBackendProxy -Url 'http://proxy.contoso.com' -ProxyCredential @{ UserName = 'user' } }) {
        Assert-Error (Assert-Throws $call) ParameterArgumentTransformationError InvalidData $command
    }
    Assert-Equal (Get-Journal) @() 'sent'
}

Test 'nothing is taken from the pipeline' {
    $row = [pscustomobject] @{ Url = 'http://row.contoso.com'; ProxyCredential = New-Secret 'user' 'password' }
    $output = $row | New-AzApiManagementBackendProxy -Url 'http://proxy.contoso.com' -ErrorAction SilentlyContinue
    Assert-Equal $output.Url 'http://proxy.contoso.com' 'Url'
    Assert-True ([object]::ReferenceEquals($output.ProxyCredentials, [pscredential]::Empty)) 'ProxyCredentials is PSCredential.Empty'
}

Test '-DefaultProfile is taken, and changes nothing' {
    Assert-Equal (New-AzApiManagementBackendProxy -Url 'http://proxy.contoso.com' -DefaultProfile 'any').Url 'http://proxy.contoso.com' 'Url'
    Assert-Equal (New-AzApiManagementBackendProxy -Url 'http://proxy.contoso.com' -AzContext 'any').Url 'http://proxy.contoso.com' 'Url'
}

Test 'the password is in no text that it shows' {
    $text = Get-Everything { New-AzApiManagementBackendProxy -Url 'http://proxy.contoso.com' -ProxyCredential (New-Secret 'user' 'secret-that-nobody-sees') -Verbose -Debug }
    Assert-NotContains $text 'secret-that-nobody-sees'
    $json = ConvertTo-Json (New-AzApiManagementBackendProxy -Url 'http://proxy.contoso.com' -ProxyCredential (New-Secret 'user' 'secret-that-nobody-sees')) -Depth 3
    Assert-NotContains $json 'secret-that-nobody-sees'
}
