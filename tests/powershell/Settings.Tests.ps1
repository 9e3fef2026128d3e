# What is written to a backend before its reset: the members that were given, as the service wants them.

. "$PSScriptRoot/Setup.ps1"

$context = New-Context

# The body of the one PATCH of a call, which is followed by the reset.
function Get-PatchOf {
    param([hashtable] $Arguments)

    $null = Invoke-Control DELETE journal
    Reset-AzApiManagementBackendConnection -Context $context -BackendId 1 @Arguments
    $sent = @(Get-Sent)
    Assert-Equal $sent.Count 2 "requests: $sent"
    Assert-Equal $sent[1] 'POST 1/reconnect' 'second request'
    Assert-True $sent[0].StartsWith('PATCH 1 {"properties":') "the first request is a PATCH: $($sent[0])"
    $sent[0].Substring('PATCH 1 {"properties":'.Length, $sent[0].Length - 'PATCH 1 {"properties":}'.Length)
}

Test 'only the members that are given are sent' {
    Assert-Equal (Get-PatchOf @{ Protocol = 'http' }) '{"protocol":"http"}' 'Protocol'
    Assert-Equal (Get-PatchOf @{ Url = 'https://contoso.com/api' }) '{"url":"https://contoso.com/api"}' 'Url'
    Assert-Equal (Get-PatchOf @{ Protocol = 'soap'; Url = 'http://contoso.com' }) '{"protocol":"soap","url":"http://contoso.com"}' 'both'
}

Test 'the change and the reset, with its time' {
    Reset-AzApiManagementBackendConnection -Context $context -BackendId 1 -Url 'https://contoso.com/api' -TimeUntilReset 5
    Assert-Equal (Get-Sent) 'PATCH 1 {"properties":{"url":"https://contoso.com/api"}}', 'POST 1/reconnect {"properties":{"after":"PT5S"}}' 'sent'
    Assert-Equal (Get-Journal | ForEach-Object status) 200, 202 'answers'
}

Test 'every member of a credential' {
    $credential = New-Credential @{
        Certificate = '00112233445566778899AABBCCDDEEFF00112233', 'an-id', 'ffeeddccbbaa99887766554433221100ffeeddcc'; Query = @{ key = @('1', '2') }; Header = @{ 'x-key' = @('3') }; Scheme = 'Basic'; Parameter = 'cGFzcw=='
    }
    Reset-AzApiManagementBackendConnection -Context $context -BackendId 1 -Credential $credential
    $body = ConvertFrom-Json @(Get-Journal)[0].body
    $found = $body.properties.credentials
    Assert-Equal $found.certificate '00112233445566778899AABBCCDDEEFF00112233', 'ffeeddccbbaa99887766554433221100ffeeddcc' 'thumbprints'
    Assert-Equal $found.certificateIds 'an-id' 'ids'
    Assert-Equal $found.query.key '1', '2' 'query'
    Assert-Equal $found.header.'x-key' '3' 'header'
    Assert-Equal $found.authorization.scheme, $found.authorization.parameter 'Basic', 'cGFzcw==' 'authorization'
}

Test 'a header value may be one string' {
    Assert-Equal (Get-PatchOf @{ Credential = New-Credential @{ Header = @{ 'x-key' = 'a' } } }) '{"credentials":{"header":{"x-key":["a"]}}}' 'patch'
}

Test 'a proxy without and with a credential' {
    Assert-Equal (Get-PatchOf @{ Proxy = New-Proxy 'http://proxy.example:8080' }) '{"proxy":{"url":"http://proxy.example:8080"}}' 'without'
    Assert-Equal (Get-PatchOf @{ Proxy = New-Proxy 'http://proxy.example:8080' 'domain\user' 'pass "word" ü' }) '{"proxy":{"url":"http://proxy.example:8080","username":"domain\\user","password":"pass \"word\" ü"}}' 'with'
}

Test 'the older shape of a proxy, with UserName and Password' {
    $proxy = [pscustomobject] @{ PSTypeName = "${Models}PsApiManagementBackendProxy"; Url = 'http://proxy.example:8080'; UserName = 'user'; Password = 'pass' }
    Assert-Equal (Get-PatchOf @{ Proxy = $proxy }) '{"proxy":{"url":"http://proxy.example:8080","username":"user","password":"pass"}}' 'patch'
}

Test 'texts are sent as they are, with every character JSON must escape' {
    $value = "quote `" back \ slash / tab `t newline `n bell `a emoji 😀 umlaut ü"
    Reset-AzApiManagementBackendConnection -Context $context -BackendId 1 -Credential (New-Credential @{ Header = @{ 'x-key' = @($value) } })
    Assert-Equal (ConvertFrom-Json @(Get-Journal)[0].body).properties.credentials.header.'x-key' $value 'value'
}

Test 'the settings are there when the reset has been made' {
    $backend = Reset-AzApiManagementBackendConnection -Context $context -BackendId 2 -Protocol soap -Url 'https://new.example/soap' -PassThru
    Assert-Equal $backend.Protocol, $backend.Url 'soap', 'https://new.example/soap' 'what -PassThru gives'
    Assert-Equal (Get-Sent | ForEach-Object { $_.Split(' ')[0] }) 'PATCH', 'POST', 'GET' 'methods'
}

Test 'settings that were changed while the reset failed are told of' {
    Add-Fault @{ match = '/backends/3/reconnect'; status = 409; code = 'Conflict'; message = 'busy' }
    $problem = Assert-WritesError { New-Backend 3 | Reset-AzApiManagementBackendConnection -Url 'https://new.example/' }
    Assert-Error $problem Conflict ResourceUnavailable
    Assert-Contains $problem.Exception.Message 'settings were changed'
    Assert-Contains $problem.Exception.Message 'not reset'
    $data = $problem.Exception.Data
    Assert-Equal $data['SettingsChanged'], $data['ResetDone'] $true, $false 'what was done'
    Assert-True ($data['SettingsChanged'] -is [bool] -and $data['ResetDone'] -is [bool]) 'both are truth values'
    Assert-Equal $data['Step'], $data['SettingsState'], $data['ResetState'] 'reset', 'done', 'notDone' 'steps'
}

Test 'no reset where the settings could not be changed' {
    Add-Fault @{ match = '/backends/3?'; method = 'PATCH'; status = 412; code = 'PreconditionFailed' }
    $problem = Assert-WritesError { New-Backend 3 | Reset-AzApiManagementBackendConnection -Url 'https://new.example/' }
    Assert-Error $problem PreconditionFailed ResourceUnavailable
    Assert-NotContains $problem.Exception.Message 'settings were changed'
    Assert-Equal (Get-Sent) 'PATCH 3 {"properties":{"url":"https://new.example/"}}' 'sent'
}
