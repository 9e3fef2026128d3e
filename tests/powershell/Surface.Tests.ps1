# The parameter surface, row by row, and what the module is made of.

. "$PSScriptRoot/Setup.ps1"

$cmdlet = Get-Command Reset-AzApiManagementBackendConnection
$module = Get-Module AzApiManagement.BackendConnection

# The row of a parameter's table: its type's name, then each set with 'mandatory', 'value' and 'name'.
function Get-Row {
    param([string] $Name)

    $parameter = $cmdlet.Parameters[$Name]
    $typeName = $parameter.Attributes.Where({ $_ -is [System.Management.Automation.PSTypeNameAttribute] }).PSTypeName
    if ($typeName) { $typeName } else { $parameter.ParameterType.FullName }
    foreach ($set in $parameter.ParameterSets.Keys) {
        $of = $parameter.ParameterSets[$set]
        $words = @($set; if ($of.IsMandatory) { 'mandatory' }; if ($of.ValueFromPipeline) { 'value' }; if ($of.ValueFromPipelineByPropertyName) { 'name' })
        [string]::Join(' ', $words)
    }
}

function Assert-Row {
    param([string] $Name, [string[]] $Expected)

    Assert-Equal (Get-Row $Name | Sort-Object) ($Expected | Sort-Object) "-$Name"
}

Test 'Context' {
    Assert-Row Context "${Models}PsApiManagementContext", 'ContextParameterSet mandatory value name'
}

Test 'InputObject' {
    Assert-Row InputObject "${Models}PsApiManagementBackend", 'ByInputObject mandatory value name'
}

Test 'BackendId' {
    Assert-Row BackendId 'System.String', 'ContextParameterSet mandatory name', 'ByInputObject name'
}

Test 'TimeUntilReset' {
    Assert-Row TimeUntilReset 'System.Int32', '__AllParameterSets value'
}

Test 'Protocol' {
    Assert-Row Protocol 'System.String', '__AllParameterSets name'
}

Test 'Protocol is http or soap' {
    $set = $cmdlet.Parameters['Protocol'].Attributes.Where({ $_ -is [ValidateSet] })
    Assert-Equal $set.ValidValues 'http', 'soap' 'values'
}

Test 'Url' {
    Assert-Row Url 'System.String', '__AllParameterSets name'
}

Test 'Credential' {
    Assert-Row Credential "${Models}PsApiManagementBackendCredential", '__AllParameterSets name'
}

Test 'Proxy' {
    Assert-Row Proxy "${Models}PsApiManagementBackendProxy", '__AllParameterSets name'
}

Test 'PassThru' {
    Assert-Row PassThru 'System.Management.Automation.SwitchParameter', '__AllParameterSets name'
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

# The parsed files of the module.
function Get-ModuleAst {
    $folder = [System.IO.Path]::GetDirectoryName($module.Path)
    foreach ($file in [System.IO.Directory]::EnumerateFiles($folder, '*.ps*1', 'AllDirectories')) {
        $problems = $null
        $ast = [System.Management.Automation.Language.Parser]::ParseFile($file, [ref] $null, [ref] $problems)
        Assert-Equal $problems.Count 0 "syntax errors of $file"
        $ast
    }
}

Test 'the module calls its own functions and the engine, no cmdlet of another module' {
    $files = @(Get-ModuleAst)
    Assert-True ($files.Count -gt 2) 'the files of the module are found'
    $functions = foreach ($file in $files) {
        foreach ($function in $file.FindAll({ $args[0] -is [System.Management.Automation.Language.FunctionDefinitionAst] }, $true)) {
            $function.Name.Split(':')[-1]
        }
    }
    # Of Microsoft.PowerShell.Core, which is a part of the engine itself.
    $core = 'Get-Module', 'Set-StrictMode'
    foreach ($file in $files) {
        foreach ($command in $file.FindAll({ $args[0] -is [System.Management.Automation.Language.CommandAst] }, $true)) {
            $name = $command.GetCommandName()
            # Without a name it is a script block, a file that is dotted, or a command that was looked up.
            if ($name -and $name -notin $functions -and $name -notin $core -and $name -notlike '*/Private/*.ps1') {
                Stop-Check "$($command.Extent.File):$($command.Extent.StartLineNumber) calls $name"
            }
        }
    }
}
