# Secrets are in no stream and in no error: neither the token, nor what a credential or a proxy holds, whatever happens.

. "$PSScriptRoot/Setup.ps1"
. "$PSScriptRoot/AllStreams.ps1"

$context = New-Context

# Each is a word of its own that nothing else has.
$secrets = @{
    Token     = $env:AZURE_ACCESS_TOKEN
    Header    = 'secret-in-a-header'
    Query     = 'secret-in-a-query'
    Parameter = 'secret-in-an-authorization'
    Password  = 'secret-of-a-proxy'
    UserName  = 'user-of-a-proxy'
}

function New-SecretArguments {
    @{
        Credential = New-Credential @{ Header = @{ 'x-key' = @($secrets.Header) }; Query = @{ key = @($secrets.Query) }; Scheme = 'Basic'; Parameter = $secrets.Parameter }
        Proxy      = New-Proxy 'http://proxy.example:8080' $secrets.UserName $secrets.Password
    }
}

function Assert-NoSecret {
    param([string] $Text)

    foreach ($secret in $secrets.GetEnumerator()) {
        Assert-NotContains $Text $secret.Value
    }
}

Test 'in a call that succeeds, with -Verbose and -Debug' {
    $arguments = New-SecretArguments
    $text = Get-Everything { New-Backend 1 | Reset-AzApiManagementBackendConnection @arguments -Verbose -Debug }
    Assert-NoSecret $text
    # They were sent, and what was sent is shown.
    Assert-Contains @(Get-Journal)[0].body $secrets.Parameter
    Assert-Contains $text 'HTTP REQUEST'
}

Test 'in the answer of the service, which names them' {
    Set-EmulatorBackend secretive @{ properties = @{
            url = 'https://contoso.com/'; protocol = 'http'
            credentials = @{ header = @{ 'x-key' = @($secrets.Header) }; query = @{ key = @($secrets.Query) }; authorization = @{ scheme = 'Basic'; parameter = $secrets.Parameter } }
            proxy = @{ url = 'http://proxy.example:8080'; username = $secrets.UserName; password = $secrets.Password }
        }
    }
    $text = Get-Everything { $null = Reset-AzApiManagementBackendConnection -Context $context -BackendId secretive -PassThru -Verbose -Debug }
    Assert-NoSecret $text
    Assert-Contains $text 'https://contoso.com/'
}

Test 'in a call that the service refuses' {
    $arguments = New-SecretArguments
    foreach ($status in 400, 403, 404, 409, 500) {
        Add-Fault @{ match = '/backends/1'; status = $status; times = 1 }
        $text = Use-Environment @{ AZAPIM_TRIES = '1' } {
            Get-Everything { New-Backend 1 | Reset-AzApiManagementBackendConnection @arguments -Verbose -Debug }
        }
        Assert-Contains $text "$status"
        Assert-NoSecret $text
    }
}

Test 'in a call whose token is refused' {
    $arguments = New-SecretArguments
    Add-Fault @{ status = 401; times = 100 }
    $text = Get-Everything { (New-Backend 1), (New-Backend 2) | Reset-AzApiManagementBackendConnection @arguments -Verbose -Debug }
    Assert-Contains $text 'AuthenticationFailed'
    Assert-NoSecret $text
}

Test 'in a call that gets no answer, and in one that finds nobody' {
    $arguments = New-SecretArguments
    Add-Fault @{ match = '/backends/1'; kind = 'stall' }
    Add-Fault @{ match = '/backends/2'; kind = 'reset' }
    $text = Use-Environment @{ AZAPIM_TRIES = '1'; AZAPIM_TIMEOUT_SECONDS = '1' } {
        Get-Everything { (New-Backend 1), (New-Backend 2) | Reset-AzApiManagementBackendConnection @arguments -Verbose -Debug }
    }
    Assert-Contains $text 'TimedOut'
    Assert-NoSecret $text
    $text = Use-Environment @{ AZAPIM_TRIES = '1'; AZURE_RESOURCE_MANAGER_ENDPOINT = 'http://127.0.0.1:1' } {
        Get-Everything { New-Backend 1 | Reset-AzApiManagementBackendConnection @arguments -Verbose -Debug }
    }
    Assert-Contains $text 'ConnectionFailed'
    Assert-NoSecret $text
}

Test 'in the errors of input that cannot be used' {
    $arguments = New-SecretArguments
    $long = New-Credential @{ Scheme = 'Basic'; Parameter = $secrets.Parameter * 100 }
    $half = New-Credential @{ Parameter = $secrets.Parameter }
    $mixed = New-Credential @{ Header = @{ 'x-key' = @($secrets.Header, 42) } }
    $nameless = New-Proxy 'not a url' $secrets.UserName $secrets.Password
    $textual = [pscustomobject] @{ PSTypeName = "${Models}PsApiManagementBackendProxy"; Url = 'http://proxy.example'; ProxyCredentials = $secrets.Password }
    foreach ($call in { New-Backend 1 -Id nonsense | Reset-AzApiManagementBackendConnection @arguments -Verbose -Debug },
        { New-Backend 1 | Reset-AzApiManagementBackendConnection -Credential $long -Verbose -Debug }, { New-Backend 1 | Reset-AzApiManagementBackendConnection -Credential $half -Verbose -Debug },
        { New-Backend 1 | Reset-AzApiManagementBackendConnection -Credential $mixed -Verbose -Debug }, { New-Backend 1 | Reset-AzApiManagementBackendConnection -Proxy $nameless -Verbose -Debug },
        { New-Backend 1 | Reset-AzApiManagementBackendConnection -Proxy $textual -Verbose -Debug }) {
        $text = Get-Everything $call
        Assert-Contains $text 'Invalid'
        Assert-NoSecret $text
    }
    Assert-Equal (Get-Journal) @() 'sent'
}

Test 'in a URL of a proxy that holds a password' {
    $proxy = New-Proxy "http://$($secrets.UserName):$($secrets.Password)@proxy.example:8080"
    $text = Get-Everything { New-Backend 1 | Reset-AzApiManagementBackendConnection -Proxy $proxy -Verbose -Debug }
    Assert-NoSecret $text
    $proxy = New-Proxy "ftp://$($secrets.UserName):$($secrets.Password)@proxy.example:8080"
    $text = Get-Everything { New-Backend 1 | Reset-AzApiManagementBackendConnection -Proxy $proxy -Verbose -Debug }
    Assert-Contains $text 'InvalidProxy'
    Assert-NoSecret $text
}

Test 'with -WhatIf' {
    $arguments = New-SecretArguments
    $text = Get-Everything { New-Backend 1 | Reset-AzApiManagementBackendConnection @arguments -WhatIf -Verbose -Debug }
    Assert-NoSecret $text
}

Test 'in the variables of the session, once the call is over' {
    $arguments = New-SecretArguments
    New-Backend 1 | Reset-AzApiManagementBackendConnection @arguments
    $module = Get-Module AzApiManagement.BackendConnection
    $values = & $module { Get-ChildItem variable: | ForEach-Object { if ($_.Value -is [string] -or $_.Value -is [array]) { "$($_.Name) = $($_.Value)" } } }
    # The checks' own are among them, since the module sees the global ones.
    Assert-NoSecret ([string]::Join("`n", @($values).Where({ $_ -notmatch '^(Error|values|secrets) ' })))
}
