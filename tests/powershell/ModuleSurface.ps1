# What a module is made of: the parameters of its cmdlets, and what its files call.

# The row of a parameter's table: its type's name, then each set with 'mandatory', 'value' and 'name'.
function Get-Row {
    param([System.Management.Automation.CommandInfo] $Cmdlet, [string] $Name)

    $parameter = $Cmdlet.Parameters[$Name]
    $typeName = $parameter.Attributes.Where({ $_ -is [System.Management.Automation.PSTypeNameAttribute] }).PSTypeName
    if ($typeName) { $typeName } else { $parameter.ParameterType.FullName }
    foreach ($set in $parameter.ParameterSets.Keys) {
        $of = $parameter.ParameterSets[$set]
        $words = @($set; if ($of.IsMandatory) { 'mandatory' }; if ($of.ValueFromPipeline) { 'value' }; if ($of.ValueFromPipelineByPropertyName) { 'name' })
        [string]::Join(' ', $words)
    }
}

function Assert-Row {
    param([System.Management.Automation.CommandInfo] $Cmdlet, [string] $Name, [string[]] $Expected)

    Assert-Equal (Get-Row $Cmdlet $Name | Sort-Object) ($Expected | Sort-Object) "-$Name of $Cmdlet"
}

# The names of the parameters that are not common ones, in alphabetical order.
function Get-OwnParameters {
    param([System.Management.Automation.CommandInfo] $Cmdlet)

    $common = [System.Management.Automation.Cmdlet]::CommonParameters
    $Cmdlet.Parameters.Keys.Where({ $_ -notin $common }) | Sort-Object
}

# The parsed files of a module.
function Get-ModuleAst {
    param([System.Management.Automation.PSModuleInfo] $Module)

    $folder = [System.IO.Path]::GetDirectoryName($Module.Path)
    foreach ($file in [System.IO.Directory]::EnumerateFiles($folder, '*.ps*1', 'AllDirectories')) {
        $problems = $null
        $ast = [System.Management.Automation.Language.Parser]::ParseFile($file, [ref] $null, [ref] $problems)
        Assert-Equal $problems.Count 0 "syntax errors of $file"
        $ast
    }
}

# The files of a module call no function but those of the module and of those that it is built on, and no cmdlet of
# another module.
function Assert-OwnCommands {
    param([System.Management.Automation.PSModuleInfo] $Module, [System.Management.Automation.PSModuleInfo[]] $BuiltOn = @())

    $files = @(Get-ModuleAst $Module)
    Assert-True ($files.Count -gt 2) 'the files of the module are found'
    $functions = foreach ($file in $files + @($BuiltOn | ForEach-Object { Get-ModuleAst $_ })) {
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
            if ($name -and $name -notin $functions -and $name -notin $core -and $name -notlike '*/Private/*.ps1' -and $name -notlike '*/Public/*.ps1') {
                Stop-Check "$($command.Extent.File):$($command.Extent.StartLineNumber) calls $name"
            }
        }
    }
}
