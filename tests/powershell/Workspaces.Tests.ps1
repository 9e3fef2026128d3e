# Emulator: {"backends":3}
#
# Backends of a workspace, of which the emulator has one: by their id everywhere, since a context names a service only.

. "$PSScriptRoot/Setup.ps1"
. "$PSScriptRoot/Process.ps1"

Import-Module AzApiManagement.Standalone

$context = New-Context
$workspace = (Get-BackendResourceId 1) -replace '/backends/1$', '/workspaces/team'
$id = "$workspace/backends/2"

# What was sent, each request's path from the service on.
function Get-Paths {
    foreach ($entry in Get-Journal) { "$($entry.method) $(($entry.path -split '/service/contoso/')[1].Split('?')[0])" }
}

Test 'Get-AzApiManagementBackend -ResourceId of a workspace lists its backends, and of a backend gives that' {
    $backends = @(Get-AzApiManagementBackend -ResourceId $workspace)
    Assert-Equal ($backends.BackendId | Sort-Object) '1', '2', '3' 'backends of the workspace'
    Assert-Equal $backends[0].ServiceName, $backends[0].ResourceGroupName 'contoso', 'Api-Default-WestUS' 'names'
    Assert-Equal (Get-AzApiManagementBackend -ResourceId $id).Id $id 'one of them'
    Assert-Equal (Get-AzApiManagementBackend -ResourceId $workspace -BackendId 3).BackendId '3' 'one of them, by its name'
}

Test 'they are piped into a reset, and given as -InputObject' {
    Get-AzApiManagementBackend -ResourceId $workspace -BackendId 2 | Reset-AzApiManagementBackendConnection -Url 'https://new.example/'
    $null = Invoke-Control DELETE journal
    Reset-AzApiManagementBackendConnection -InputObject (New-Backend 2 -Id $id) -BackendId 2 -PassThru | ForEach-Object { Assert-Equal $_.Url 'https://new.example/' 'Url' }
    Assert-Equal (Get-Paths) 'POST workspaces/team/backends/2/reconnect', 'GET workspaces/team/backends/2' 'sent'
}

Test 'with -Context, a piped one stays in its workspace' {
    New-Backend 2 'Deserialized.' -Id $id | Reset-AzApiManagementBackendConnection -Context $context
    [pscustomobject] @{ Id = $id; BackendId = '2' } | Reset-AzApiManagementBackendConnection -Context $context
    Assert-Equal (Get-Paths) 'POST workspaces/team/backends/2/reconnect', 'POST workspaces/team/backends/2/reconnect' 'sent'
}

Test 'a copy with settings is an error there too' {
    $problem = Assert-WritesError { [pscustomobject] @{ Id = $id; BackendId = '2'; Url = 'https://new.example/' } | Reset-AzApiManagementBackendConnection -Context $context }
    Assert-Error $problem AmbiguousInput InvalidArgument
    Assert-Equal (Get-Journal) @() 'sent'
}

Test '-WhatIf and errors name the workspace' {
    $told = Invoke-Script "$Preamble
New-Backend 2 -Id '$id' | Reset-AzApiManagementBackendConnection -WhatIf"
    Assert-Contains $told.Output "backend '2' of workspace 'team' of service 'contoso' in resource group 'Api-Default-WestUS'"
    $problem = Assert-WritesError { New-Backend gone -Id "$workspace/backends/gone" | Reset-AzApiManagementBackendConnection }
    Assert-Error $problem ResourceNotFound ObjectNotFound
    Assert-Contains $problem.Exception.Message "workspace 'team'"
    Assert-Equal $problem.Exception.Data['Workspace'] 'team' 'Data'
}

Test 'a Url of Service Fabric is taken' {
    Reset-AzApiManagementBackendConnection -Context $context -BackendId 1 -Url 'fabric:/app/service'
    Assert-Equal (Get-Sent) 'PATCH 1 {"properties":{"url":"fabric:/app/service"}}', 'POST 1/reconnect' 'sent'
}
