# Compiled cmdlets, made by Reflection.Emit: what a cmdlet of this project is compared with. Send-Compiled outputs what is piped
# in; Stop-Upstream asks the pipeline for no more, as Select-Object -First does.

$script:CmdletModule = [System.Reflection.Emit.AssemblyBuilder]::DefineDynamicAssembly('CompiledCmdlets', 'Run').DefineDynamicModule('CompiledCmdlets')

# A cmdlet with -InputObject from the pipeline. Emit writes the body of ProcessRecord; it gets the IL generator and the getter.
function New-CompiledCmdlet {
    param([string] $Verb, [string] $Noun, [scriptblock] $Emit)

    $builder = $script:CmdletModule.DefineType("$Verb$Noun", 'Public, Class', [System.Management.Automation.PSCmdlet])
    $cmdlet = [System.Management.Automation.CmdletAttribute].GetConstructor([type[]] @([string], [string]))
    $builder.SetCustomAttribute([System.Reflection.Emit.CustomAttributeBuilder]::new($cmdlet, @($Verb, $Noun)))
    $field = $builder.DefineField('_input', [object], 'Private')
    $getter = $builder.DefineMethod('get_InputObject', 'Public, SpecialName, HideBySig', [object], [type]::EmptyTypes)
    $code = $getter.GetILGenerator()
    $code.Emit([System.Reflection.Emit.OpCodes]::Ldarg_0)
    $code.Emit([System.Reflection.Emit.OpCodes]::Ldfld, $field)
    $code.Emit([System.Reflection.Emit.OpCodes]::Ret)
    $setter = $builder.DefineMethod('set_InputObject', 'Public, SpecialName, HideBySig', [void], @([object]))
    $code = $setter.GetILGenerator()
    $code.Emit([System.Reflection.Emit.OpCodes]::Ldarg_0)
    $code.Emit([System.Reflection.Emit.OpCodes]::Ldarg_1)
    $code.Emit([System.Reflection.Emit.OpCodes]::Stfld, $field)
    $code.Emit([System.Reflection.Emit.OpCodes]::Ret)
    $property = $builder.DefineProperty('InputObject', 'None', [object], $null)
    $property.SetGetMethod($getter)
    $property.SetSetMethod($setter)
    $parameter = [System.Management.Automation.ParameterAttribute]
    $property.SetCustomAttribute([System.Reflection.Emit.CustomAttributeBuilder]::new($parameter.GetConstructor([type]::EmptyTypes), @(),
            [System.Reflection.PropertyInfo[]] @($parameter.GetProperty('ValueFromPipeline')), [object[]] @($true)))
    $process = $builder.DefineMethod('ProcessRecord', 'Family, Virtual, HideBySig', [void], [type]::EmptyTypes)
    & $Emit $process.GetILGenerator() $getter
    [System.Management.Automation.Runspaces.SessionStateCmdletEntry]::new("$Verb-$Noun", $builder.CreateType(), $null)
}

$script:CompiledCmdlets = @(
    New-CompiledCmdlet Send Compiled {
        param($Code, $Getter)

        $Code.Emit([System.Reflection.Emit.OpCodes]::Ldarg_0)
        $Code.Emit([System.Reflection.Emit.OpCodes]::Ldarg_0)
        $Code.Emit([System.Reflection.Emit.OpCodes]::Call, $Getter)
        $Code.Emit([System.Reflection.Emit.OpCodes]::Call, [System.Management.Automation.Cmdlet].GetMethod('WriteObject', [type[]] @([object])))
        $Code.Emit([System.Reflection.Emit.OpCodes]::Ret)
    }
    New-CompiledCmdlet Stop Upstream {
        param($Code, $Getter)

        # throw (Exception) Activator.CreateInstance(Type.GetType("…StopUpstreamCommandsException, …"), NonPublic | Instance, null, new object[] { this }, null)
        $name = [psobject].Assembly.GetType('System.Management.Automation.StopUpstreamCommandsException').AssemblyQualifiedName
        $Code.Emit([System.Reflection.Emit.OpCodes]::Ldstr, [string] $name)
        $Code.Emit([System.Reflection.Emit.OpCodes]::Call, [type].GetMethod('GetType', [type[]] @([string])))
        $Code.Emit([System.Reflection.Emit.OpCodes]::Ldc_I4, [int] [System.Reflection.BindingFlags] 'NonPublic, Public, Instance')
        $Code.Emit([System.Reflection.Emit.OpCodes]::Ldnull)
        $Code.Emit([System.Reflection.Emit.OpCodes]::Ldc_I4_1)
        $Code.Emit([System.Reflection.Emit.OpCodes]::Newarr, [object])
        $Code.Emit([System.Reflection.Emit.OpCodes]::Dup)
        $Code.Emit([System.Reflection.Emit.OpCodes]::Ldc_I4_0)
        $Code.Emit([System.Reflection.Emit.OpCodes]::Ldarg_0)
        $Code.Emit([System.Reflection.Emit.OpCodes]::Stelem_Ref)
        $Code.Emit([System.Reflection.Emit.OpCodes]::Ldnull)
        $Code.Emit([System.Reflection.Emit.OpCodes]::Call, [activator].GetMethod('CreateInstance',
                [type[]] @([type], [System.Reflection.BindingFlags], [System.Reflection.Binder], [object[]], [cultureinfo])))
        $Code.Emit([System.Reflection.Emit.OpCodes]::Castclass, [exception])
        $Code.Emit([System.Reflection.Emit.OpCodes]::Throw)
    }
)
