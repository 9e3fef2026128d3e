# Those of Az.ApiManagement's cmdlets that give AzApiManagement.BackendConnection its input. Object shapes, error records and
# the engine are that module's: blocks given to `& $script:Main` run in its scope, where its private functions are.
$script:Main = @(Get-Module -Name AzApiManagement.BackendConnection)[0]

. "$PSScriptRoot/Private/Models.ps1"
. "$PSScriptRoot/Private/Reads.ps1"
. "$PSScriptRoot/Public/New-AzApiManagementContext.ps1"
. "$PSScriptRoot/Public/New-AzApiManagementBackendCredential.ps1"
. "$PSScriptRoot/Public/New-AzApiManagementBackendProxy.ps1"
. "$PSScriptRoot/Public/Get-AzApiManagementBackend.ps1"
