# Those of Az.ApiManagement's cmdlets that give AzApiManagement.BackendConnection its input. Object shapes, error records and
# the engine are that module's: blocks given to `& (Get-Main)` run in its scope, where its private functions are.

# The main module, of the version that the manifest requires. Get-Module may give another version, and gives none where a
# module has imported this one for itself. While this file is read, the manifest's modules are not known yet.
function Get-Main {
    $ExecutionContext.SessionState.Module.RequiredModules[0]
}

. "$PSScriptRoot/Private/Models.ps1"
. "$PSScriptRoot/Private/Reads.ps1"
. "$PSScriptRoot/Public/New-AzApiManagementContext.ps1"
. "$PSScriptRoot/Public/New-AzApiManagementBackendCredential.ps1"
. "$PSScriptRoot/Public/New-AzApiManagementBackendProxy.ps1"
. "$PSScriptRoot/Public/Get-AzApiManagementBackend.ps1"
