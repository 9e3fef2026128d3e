# AzApiManagement.Standalone: the parameter surface of its four cmdlets, which is that of Az's, and what the module is made of.

. "$PSScriptRoot/Setup.ps1"
. "$PSScriptRoot/ModuleSurface.ps1"
. "$PSScriptRoot/Process.ps1"

Import-Module AzApiManagement.Standalone

$main = Get-Module AzApiManagement.BackendConnection
$module = Get-Module AzApiManagement.Standalone
$names = 'Get-AzApiManagementBackend', 'New-AzApiManagementBackendCredential', 'New-AzApiManagementBackendProxy', 'New-AzApiManagementContext'
$newContext = Get-Command New-AzApiManagementContext
$getBackend = Get-Command Get-AzApiManagementBackend
$newCredential = Get-Command New-AzApiManagementBackendCredential
$newProxy = Get-Command New-AzApiManagementBackendProxy

# The types of the attributes that check a parameter's value.
function Get-Checks {
    param([System.Management.Automation.CommandInfo] $Cmdlet, [string] $Name)

    $Cmdlet.Parameters[$Name].Attributes.Where({ $_ -is [System.Management.Automation.ValidateArgumentsAttribute] }) |
        ForEach-Object { $_.GetType().Name } | Sort-Object
}

Test 'New-AzApiManagementContext: parameters' {
    Assert-Row $newContext ResourceGroupName 'System.String', 'ContextParameterSet mandatory name'
    Assert-Row $newContext ServiceName 'System.String', 'ContextParameterSet mandatory name'
    Assert-Row $newContext ResourceId 'System.String', 'ResourceIdParameterSet mandatory name'
    Assert-Row $newContext DefaultProfile 'System.Object', '__AllParameterSets'
    Assert-Equal (Get-OwnParameters $newContext) 'DefaultProfile', 'ResourceGroupName', 'ResourceId', 'ServiceName' 'parameters'
    Assert-Equal (Get-Checks $newContext ResourceGroupName) 'ValidateNotNullOrEmptyAttribute' 'checks of ResourceGroupName'
    Assert-Equal (Get-Checks $newContext ServiceName) 'ValidateNotNullOrEmptyAttribute' 'checks of ServiceName'
}

Test 'Get-AzApiManagementBackend: parameters' {
    Assert-Row $getBackend Context "${Models}PsApiManagementContext", 'ContextParameterSet mandatory value name'
    Assert-Row $getBackend BackendId 'System.String', '__AllParameterSets name'
    Assert-Row $getBackend ResourceId 'System.String', 'ResourceIdParameterSet mandatory name'
    Assert-Row $getBackend DefaultProfile 'System.Object', '__AllParameterSets'
    Assert-Equal (Get-OwnParameters $getBackend) 'BackendId', 'Context', 'DefaultProfile', 'ResourceId' 'parameters'
    Assert-True ((Get-Checks $getBackend Context) -contains 'ValidateNotNullOrEmptyAttribute') 'Context is not null'
}

Test 'New-AzApiManagementBackendCredential: parameters' {
    Assert-Row $newCredential CertificateThumbprint 'System.String[]', '__AllParameterSets'
    Assert-Row $newCredential CertificateId 'System.String[]', '__AllParameterSets'
    Assert-Row $newCredential Query 'System.Collections.Hashtable', '__AllParameterSets'
    Assert-Row $newCredential Header 'System.Collections.Hashtable', '__AllParameterSets'
    Assert-Row $newCredential AuthorizationHeaderScheme 'System.String', '__AllParameterSets'
    Assert-Row $newCredential AuthorizationHeaderParameter 'System.String', '__AllParameterSets'
    Assert-Row $newCredential DefaultProfile 'System.Object', '__AllParameterSets'
    Assert-Equal (Get-OwnParameters $newCredential) 'AuthorizationHeaderParameter', 'AuthorizationHeaderScheme', 'CertificateId',
        'CertificateThumbprint', 'DefaultProfile', 'Header', 'Query' 'parameters'
}

Test 'New-AzApiManagementBackendProxy: parameters' {
    Assert-Row $newProxy Url 'System.String', '__AllParameterSets mandatory'
    Assert-Row $newProxy ProxyCredential 'System.Management.Automation.PSCredential', '__AllParameterSets'
    Assert-Row $newProxy DefaultProfile 'System.Object', '__AllParameterSets'
    Assert-Equal (Get-OwnParameters $newProxy) 'DefaultProfile', 'ProxyCredential', 'Url' 'parameters'
    Assert-Equal (Get-Checks $newProxy Url) 'ValidateLengthAttribute', 'ValidateNotNullOrEmptyAttribute' 'checks of Url'
    $length = $newProxy.Parameters['Url'].Attributes.Where({ $_ -is [ValidateLength] })[0]
    Assert-Equal $length.MinLength, $length.MaxLength 1, 2000 'length of Url'
}

Test 'the sets, and which is the default' {
    foreach ($cmdlet in $newContext, $getBackend) {
        Assert-Equal ($cmdlet.ParameterSets.Name | Sort-Object) 'ContextParameterSet', 'ResourceIdParameterSet' "sets of $cmdlet"
        Assert-Equal $cmdlet.DefaultParameterSet 'ContextParameterSet' "default set of $cmdlet"
    }
    foreach ($cmdlet in $newCredential, $newProxy) {
        Assert-Equal $cmdlet.ParameterSets.Name '__AllParameterSets' "sets of $cmdlet"
    }
}

Test 'no parameter has a position' {
    foreach ($name in $names) {
        foreach ($set in (Get-Command $name).ParameterSets) {
            foreach ($parameter in $set.Parameters) {
                Assert-Equal $parameter.Position ([int]::MinValue) "position of -$($parameter.Name) of $name in $($set.Name)"
            }
        }
        $problem = Assert-Throws { & $name 'something' }
        Assert-Contains $problem.FullyQualifiedErrorId 'PositionalParameterNotFound'
    }
}

Test 'the only aliases are those that every Az cmdlet has for -DefaultProfile' {
    foreach ($name in $names) {
        $own = Get-OwnParameters (Get-Command $name)
        $aliases = foreach ($parameter in (Get-Command $name).Parameters.Values) {
            if ($parameter.Name -in $own) {
                foreach ($alias in $parameter.Aliases) { "$($parameter.Name)=$alias" }
            }
        }
        Assert-Equal ($aliases | Sort-Object) 'DefaultProfile=AzContext', 'DefaultProfile=AzureCredential', 'DefaultProfile=AzureRmContext' "aliases of $name"
    }
}

Test 'output types, help addresses, and no ShouldProcess' {
    $types = @{
        'New-AzApiManagementContext' = 'PsApiManagementContext'; 'Get-AzApiManagementBackend' = 'PsApiManagementBackend'
        'New-AzApiManagementBackendCredential' = 'PsApiManagementBackendCredential'; 'New-AzApiManagementBackendProxy' = 'PsApiManagementBackendProxy'
    }
    foreach ($name in $names) {
        $cmdlet = Get-Command $name
        Assert-Equal $cmdlet.OutputType.Name "$Models$($types[$name])" "output type of $name"
        Assert-Equal $cmdlet.HelpUri "https://learn.microsoft.com/powershell/module/az.apimanagement/$($name.ToLowerInvariant())" "HelpUri of $name"
        Assert-True (-not $cmdlet.Parameters.ContainsKey('WhatIf')) "$name changes nothing, so it has no -WhatIf"
    }
}

Test 'the syntax names types as Az does' {
    Assert-Contains "$(Get-Command Get-AzApiManagementBackend -Syntax)" '-Context <PsApiManagementContext> [-BackendId <string>]'
    Assert-Contains "$(Get-Command Get-AzApiManagementBackend -Syntax)" '-ResourceId <string> [-BackendId <string>]'
    Assert-Contains "$(Get-Command New-AzApiManagementContext -Syntax)" '-ResourceGroupName <string> -ServiceName <string>'
    Assert-Contains "$(Get-Command New-AzApiManagementContext -Syntax)" '-ResourceId <string>'
    Assert-Contains "$(Get-Command New-AzApiManagementBackendProxy -Syntax)" '-Url <string> [-ProxyCredential <pscredential>]'
}

Test 'the module exports the four cmdlets and nothing else' {
    Assert-Equal ($module.ExportedCommands.Keys | Sort-Object) $names 'commands'
    Assert-Equal $module.ExportedVariables.Count 0 'variables'
    Assert-Equal $module.ExportedAliases.Count 0 'aliases'
    Assert-Equal $main.ExportedCommands.Keys 'Reset-AzApiManagementBackendConnection' 'commands of the other module'
}

Test 'importing and use leave nothing behind in the session' {
    $before = 'function:', 'variable:', 'alias:' | ForEach-Object { Get-ChildItem $_ } | ForEach-Object Name
    Remove-Module AzApiManagement.Standalone
    Import-Module AzApiManagement.Standalone
    $null = New-AzApiManagementBackendCredential -Header @{ 'x-key' = 'a' }
    $null = New-AzApiManagementBackendProxy -Url 'http://proxy.example:8080'
    $null = Get-AzApiManagementBackend -Context (New-AzApiManagementContext -ResourceGroupName Api-Default-WestUS -ServiceName contoso) -BackendId 1
    $after = 'function:', 'variable:', 'alias:' | ForEach-Object { Get-ChildItem $_ } | ForEach-Object Name
    Assert-Equal $after.Where({ $_ -notin $before -and $_ -ne 'before' }) @() 'new functions, variables and aliases'
}

Test 'the manifest says what the module needs' {
    Assert-Equal "$($module.PowerShellVersion)" '7.4' 'PowerShell version'
    Assert-Equal $module.CompatiblePSEditions 'Core' 'editions'
    Assert-Equal $module.RequiredModules.Name 'AzApiManagement.BackendConnection' 'required modules'
    # Its private functions are used, so it must be the one that was made with it.
    Assert-Equal "$($module.Version)" "$($main.Version)" 'version'
}

Test 'the module calls functions of the two modules, no cmdlet of another' {
    Assert-OwnCommands $module -BuiltOn $main
}

# Which commands of the modules a session has once this has been run, each with its module, and whether a listing that is
# piped into a reset of it arrives.
function Invoke-Session {
    param([string] $Imports)

    Invoke-Script @"
$Imports
`$context = New-AzApiManagementContext -ResourceGroupName Api-Default-WestUS -ServiceName contoso
Get-AzApiManagementBackend -Context `$context -BackendId 1 | Reset-AzApiManagementBackendConnection
foreach (`$command in Get-Command -Name *-AzApiManagement* -All | Sort-Object Name) { "`$(`$command.Source): `$command" }
"@
}

$whole = 'AzApiManagement.Standalone: Get-AzApiManagementBackend', 'AzApiManagement.Standalone: New-AzApiManagementBackendCredential',
    'AzApiManagement.Standalone: New-AzApiManagementBackendProxy', 'AzApiManagement.Standalone: New-AzApiManagementContext',
    'AzApiManagement.BackendConnection: Reset-AzApiManagementBackendConnection'

function Assert-WholeSession {
    param([object] $Told, [string] $What)

    Assert-Equal $Told.Errors '' "errors: $What"
    Assert-Equal @($Told.Output.TrimEnd() -split '\r?\n') $whole "commands: $What"
    Assert-Equal (Get-Sent) 'GET 1', 'POST 1/reconnect' "sent: $What"
    $null = Invoke-Control DELETE journal
}

Test 'both modules together, whichever is imported first' {
    $first = 'Import-Module AzApiManagement.BackendConnection'
    $second = 'Import-Module AzApiManagement.Standalone'
    foreach ($imports in "$first; $second", "$second; $first", $second, "$first; $second; $first; $second") {
        Assert-WholeSession (Invoke-Session $imports) $imports
    }
}

Test 'a call loads what it needs where nothing was imported' {
    Assert-WholeSession (Invoke-Session '') 'no import'
}

Test 'either module imported anew with -Force leaves both working' {
    foreach ($again in 'AzApiManagement.BackendConnection', 'AzApiManagement.Standalone') {
        $imports = "Import-Module AzApiManagement.Standalone; Import-Module $again -Force; Import-Module AzApiManagement.BackendConnection"
        Assert-WholeSession (Invoke-Session $imports) "-Force of $again"
    }
}
