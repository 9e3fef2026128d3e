# Those of Az.ApiManagement's cmdlets that give AzApiManagement.BackendConnection its input. Object shapes, error records and
# the engine are in that module's Engine.ps1, which the first call reads.
$script:Native = $null
$script:IsEngineRead = $false

# Reads Engine.ps1 of the main module, of the version that the manifest requires: Get-Module may give another version, and
# gives none where a module has imported this one for itself.
function Import-Engine {
    if (-not $script:IsEngineRead) {
        . "$($ExecutionContext.SessionState.Module.RequiredModules[0].ModuleBase)/Engine.ps1"
        $script:IsEngineRead = $true
    }
}

# Warns where Az.ApiManagement is installed: its cmdlets have the same names, and the functions of a module go before them.
function Write-AzInstalledWarning {
    [CmdletBinding()]
    param()

    foreach ($folder in "$env:PSModulePath".Split([System.IO.Path]::PathSeparator)) {
        if ($folder -and [System.IO.Directory]::Exists("$folder/Az.ApiManagement")) {
            $PSCmdlet.WriteWarning("Az.ApiManagement is installed in '$folder', and its cmdlets have the same names. Where you use it, remove this module: Remove-Module AzApiManagement.Standalone.")
            return
        }
    }
}

# Tab on -BackendId lists the backends of -Context.
class BackendIdCompleter : System.Management.Automation.IArgumentCompleter {
    [System.Collections.Generic.IEnumerable[System.Management.Automation.CompletionResult]] CompleteArgument(
        [string] $command, [string] $parameter, [string] $word, [System.Management.Automation.Language.CommandAst] $ast, [System.Collections.IDictionary] $bound) {
        if ($null -eq $bound['Context']) { return $null }
        Import-Engine
        if ($null -eq $script:Native) { $script:Native = Get-NativeType $null }
        return [System.Management.Automation.CompletionResult[]] @(Get-BackendIdCompletion $word $bound['Context'])
    }
}

. "$PSScriptRoot/Public/New-AzApiManagementContext.ps1"
. "$PSScriptRoot/Public/New-AzApiManagementBackendCredential.ps1"
. "$PSScriptRoot/Public/New-AzApiManagementBackendProxy.ps1"
. "$PSScriptRoot/Public/Get-AzApiManagementBackend.ps1"

Write-AzInstalledWarning
