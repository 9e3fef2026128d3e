# The parameter surface, row by row, and what the module is made of.

. "$PSScriptRoot/Setup.ps1"
. "$PSScriptRoot/ModuleSurface.ps1"

$cmdlet = Get-Command Reset-AzApiManagementBackendConnection
$module = Get-Module AzApiManagement.BackendConnection

Test 'Context' {
    Assert-Row $cmdlet Context "${Models}PsApiManagementContext", 'ContextParameterSet mandatory value name'
}

Test 'InputObject' {
    Assert-Row $cmdlet InputObject "${Models}PsApiManagementBackend", 'ByInputObject mandatory value name'
}

Test 'BackendId' {
    Assert-Row $cmdlet BackendId 'System.String', 'ContextParameterSet mandatory name', 'ByInputObject name'
}

Test 'TimeUntilReset' {
    Assert-Row $cmdlet TimeUntilReset ([Nullable[int]].FullName), '__AllParameterSets value'
    Assert-Contains "$(Get-Command Reset-AzApiManagementBackendConnection -Syntax)" '[-TimeUntilReset <int>]'
}

Test 'Protocol' {
    Assert-Row $cmdlet Protocol 'System.String', '__AllParameterSets name'
}

Test 'Protocol is http or soap' {
    $set = $cmdlet.Parameters['Protocol'].Attributes.Where({ $_ -is [ValidateSet] })
    Assert-Equal $set.ValidValues 'http', 'soap' 'values'
}

Test 'Url' {
    Assert-Row $cmdlet Url 'System.String', '__AllParameterSets name'
}

Test 'Credential' {
    Assert-Row $cmdlet Credential "${Models}PsApiManagementBackendCredential", '__AllParameterSets name'
}

Test 'Proxy' {
    Assert-Row $cmdlet Proxy "${Models}PsApiManagementBackendProxy", '__AllParameterSets name'
}

Test 'PassThru' {
    Assert-Row $cmdlet PassThru 'System.Management.Automation.SwitchParameter', '__AllParameterSets name'
}

Test 'no parameters beyond these and the common ones' {
    $common = [System.Management.Automation.Cmdlet]::CommonParameters
    $own = $cmdlet.Parameters.Keys.Where({ $_ -notin $common }) | Sort-Object
    $expected = 'BackendId', 'Confirm', 'Context', 'Credential', 'InputObject', 'PassThru', 'Protocol', 'Proxy', 'TimeUntilReset', 'Url', 'WhatIf'
    Assert-Equal $own $expected 'parameters'
}

Test 'no parameter has a position' {
    foreach ($set in $cmdlet.ParameterSets) {
        foreach ($parameter in $set.Parameters) {
            Assert-Equal $parameter.Position ([int]::MinValue) "position of -$($parameter.Name) in $($set.Name)"
        }
    }
    $problem = Assert-Throws { Reset-AzApiManagementBackendConnection (New-Context) -BackendId 1 }
    Assert-Contains $problem.FullyQualifiedErrorId 'PositionalParameterNotFound'
}

Test 'the only aliases are wi and cf' {
    $common = [System.Management.Automation.Cmdlet]::CommonParameters
    $aliases = foreach ($parameter in $cmdlet.Parameters.Values) {
        if ($parameter.Name -notin $common) {
            foreach ($alias in $parameter.Aliases) { "$($parameter.Name)=$alias" }
        }
    }
    Assert-Equal ($aliases | Sort-Object) 'Confirm=cf', 'WhatIf=wi' 'aliases'
}

Test 'the two sets, and which is the default' {
    Assert-Equal ($cmdlet.ParameterSets.Name | Sort-Object) 'ByInputObject', 'ContextParameterSet' 'sets'
    Assert-Equal $cmdlet.DefaultParameterSet 'ContextParameterSet' 'default set'
}

Test 'the syntax names types as the page does' {
    $syntax = [string]::Join(' ', @(Get-Command Reset-AzApiManagementBackendConnection -Syntax))
    foreach ($part in '-Context <PsApiManagementContext>', '-InputObject <PsApiManagementBackend>', '-BackendId <string>', '[-BackendId <string>]',
        '[-TimeUntilReset <int>]', '[-Protocol <string>]', '[-Url <string>]', '[-Credential <PsApiManagementBackendCredential>]',
        '[-Proxy <PsApiManagementBackendProxy>]', '[-PassThru]', '[-WhatIf]', '[-Confirm]', '[<CommonParameters>]') {
        Assert-Contains $syntax $part
    }
}

Test 'output, confirm impact, help address' {
    Assert-Equal $cmdlet.OutputType.Name "${Models}PsApiManagementBackend" 'output type'
    Assert-Equal $cmdlet.HelpUri 'https://docs.microsoft.com/en-us/powershell/module/az.apimanagement/Reset-AzApiManagementBackendConnection' 'HelpUri'
    $binding = $cmdlet.ScriptBlock.Attributes.Where({ $_ -is [System.Management.Automation.CmdletBindingAttribute] })[0]
    Assert-Equal $binding.ConfirmImpact 'Medium' 'confirm impact'
    Assert-True $binding.SupportsShouldProcess 'the cmdlet supports ShouldProcess'
}

Test 'the module exports the cmdlet and nothing else' {
    Assert-Equal $module.ExportedCommands.Keys 'Reset-AzApiManagementBackendConnection' 'commands'
    Assert-Equal $module.ExportedVariables.Count 0 'variables'
    Assert-Equal $module.ExportedAliases.Count 0 'aliases'
}

Test 'importing leaves nothing behind in the session' {
    $before = "function:", 'variable:', 'alias:' | ForEach-Object { Get-ChildItem $_ } | ForEach-Object Name
    Remove-Module AzApiManagement.BackendConnection
    Import-Module AzApiManagement.BackendConnection
    New-Backend 1 | Reset-AzApiManagementBackendConnection
    $after = "function:", 'variable:', 'alias:' | ForEach-Object { Get-ChildItem $_ } | ForEach-Object Name
    Assert-Equal $after.Where({ $_ -notin $before -and $_ -ne 'before' }) @() 'new functions, variables and aliases'
}

Test 'the manifest says what the module needs' {
    Assert-Equal "$($module.PowerShellVersion)" '7.4' 'PowerShell version'
    Assert-Equal $module.CompatiblePSEditions 'Core' 'editions'
    Assert-Equal $module.RequiredModules.Count 0 'required modules'
}

Test 'the module calls its own functions and the engine, no cmdlet of another module' {
    Assert-OwnCommands $module
}
