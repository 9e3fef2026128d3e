# Emulator: {"backends":250}
#
# The help page's examples as they stand, with AzApiManagement.Standalone in the place of Az.ApiManagement; and every call that
# one of the page's readings allows.

. "$PSScriptRoot/Setup.ps1"

Import-Module AzApiManagement.Standalone

Test 'example 1: using Context' {
    $apimContext = New-AzApiManagementContext -ResourceGroupName "Api-Default-WestUS" -ServiceName "contoso"
    $output = Reset-AzApiManagementBackendConnection -Context $apimContext -BackendId 123 -Protocol http -Url 'https://contoso.com/awesomeapi' -PassThru
    Assert-Equal (Get-Sent) 'PATCH 123 {"properties":{"protocol":"http","url":"https://contoso.com/awesomeapi"}}', 'POST 123/reconnect', 'GET 123' 'sent'
    Assert-Equal $output.BackendId, $output.Protocol, $output.Url '123', 'http', 'https://contoso.com/awesomeapi' 'output'
}

Test 'example 2: using InputObject' {
    $apimContext = New-AzApiManagementContext -ResourceGroupName "Api-Default-WestUS" -ServiceName "contoso"
    $backend = Get-AzApiManagementBackend -Context $apimContext -BackendId 123
    $credential = New-AzApiManagementBackendCredential -AuthorizationHeaderScheme basic -AuthorizationHeaderParameter opensesame
    $null = Invoke-Control DELETE journal
    Reset-AzApiManagementBackendConnection -BackendId 123 -InputObject $backend -Credential $credential -Protocol http -Url 'https://contoso.com/awesomeapi'
    Assert-Equal (Get-Sent) ('PATCH 123 {"properties":{"protocol":"http","url":"https://contoso.com/awesomeapi",' +
        '"credentials":{"authorization":{"scheme":"basic","parameter":"opensesame"}}}}'), 'POST 123/reconnect' 'sent'
}

Test 'a listing of backends is piped in' {
    $apimContext = New-AzApiManagementContext -ResourceGroupName "Api-Default-WestUS" -ServiceName "contoso"
    Get-AzApiManagementBackend -Context $apimContext | Reset-AzApiManagementBackendConnection
    $posts = @(Get-Journal).Where({ $_.method -eq 'POST' })
    Assert-Equal $posts.Count 250 'resets'
    Assert-Equal @(Get-Journal).Where({ $_.method -eq 'PATCH' }).Count 0 'changes'
}

Test 'the piping of a backend, a page reading by which -BackendId is not in that set' {
    $apimContext = New-AzApiManagementContext -ResourceGroupName "Api-Default-WestUS" -ServiceName "contoso"
    $backend = Get-AzApiManagementBackend -Context $apimContext -BackendId 5
    $null = Invoke-Control DELETE journal
    $backend | Reset-AzApiManagementBackendConnection
    Reset-AzApiManagementBackendConnection -InputObject $backend
    Reset-AzApiManagementBackendConnection -InputObject $backend -BackendId 5
    Assert-Equal (Get-Sent) 'POST 5/reconnect', 'POST 5/reconnect', 'POST 5/reconnect' 'sent'
}

Test 'the time until the reset, in both sets and by value' {
    $apimContext = New-AzApiManagementContext -ResourceGroupName "Api-Default-WestUS" -ServiceName "contoso"
    Reset-AzApiManagementBackendConnection -Context $apimContext -BackendId 5 -TimeUntilReset 180
    Reset-AzApiManagementBackendConnection -InputObject (New-Backend 5) -TimeUntilReset 180
    180 | Reset-AzApiManagementBackendConnection -Context $apimContext -BackendId 5
    $expected = 'POST 5/reconnect {"properties":{"after":"PT180S"}}'
    Assert-Equal (Get-Sent) $expected, $expected, $expected 'sent'
}
