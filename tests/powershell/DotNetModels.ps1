# Types with the names and members of Az.ApiManagement's models, as .NET types of this process. Az itself is not needed
# to see how the module treats its objects.

$script:ModelBuilder = [System.Reflection.Emit.AssemblyBuilder]::DefineDynamicAssembly(
    'Microsoft.Azure.PowerShell.Cmdlets.ApiManagement.ServiceManagement', 'Run').DefineDynamicModule('Models')
$script:Getters = @{}
$script:AccessorAttributes = [System.Reflection.MethodAttributes] 'Public, SpecialName, HideBySig'

# A class with a property of each name and type, to read and to write. Gives the builder.
function New-ModelBuilder {
    param([string] $Name, [System.Collections.Specialized.OrderedDictionary] $Properties)

    $builder = $script:ModelBuilder.DefineType("$script:Models$Name", 'Public, Class')
    foreach ($property in $Properties.GetEnumerator()) {
        $field = $builder.DefineField("_$($property.Key)", $property.Value, 'Private')
        $getter = $builder.DefineMethod("get_$($property.Key)", $script:AccessorAttributes, $property.Value, [type]::EmptyTypes)
        $code = $getter.GetILGenerator()
        $code.Emit([System.Reflection.Emit.OpCodes]::Ldarg_0)
        $code.Emit([System.Reflection.Emit.OpCodes]::Ldfld, $field)
        $code.Emit([System.Reflection.Emit.OpCodes]::Ret)
        $setter = $builder.DefineMethod("set_$($property.Key)", $script:AccessorAttributes, [void], @($property.Value))
        $code = $setter.GetILGenerator()
        $code.Emit([System.Reflection.Emit.OpCodes]::Ldarg_0)
        $code.Emit([System.Reflection.Emit.OpCodes]::Ldarg_1)
        $code.Emit([System.Reflection.Emit.OpCodes]::Stfld, $field)
        $code.Emit([System.Reflection.Emit.OpCodes]::Ret)
        $of = $builder.DefineProperty($property.Key, 'None', $property.Value, $null)
        $of.SetGetMethod($getter)
        $of.SetSetMethod($setter)
        $script:Getters["$Name.$($property.Key)"] = $getter
    }
    $builder
}

# A property that only reads a segment of Id, as ResourceGroupName and ServiceName of Az's resources do.
function Add-SegmentProperty {
    param([System.Reflection.Emit.TypeBuilder] $Builder, [string] $Name, [int] $Segment)

    $getter = $Builder.DefineMethod("get_$Name", $script:AccessorAttributes, [string], [type]::EmptyTypes)
    $code = $getter.GetILGenerator()
    $code.Emit([System.Reflection.Emit.OpCodes]::Ldarg_0)
    $code.Emit([System.Reflection.Emit.OpCodes]::Call, $script:Getters['PsApiManagementArmResource.Id'])
    $code.Emit([System.Reflection.Emit.OpCodes]::Ldc_I4, [int] [char] '/')
    $code.Emit([System.Reflection.Emit.OpCodes]::Ldc_I4_0)
    $code.Emit([System.Reflection.Emit.OpCodes]::Callvirt, [string].GetMethod('Split', [type[]] @([char], [StringSplitOptions])))
    $code.Emit([System.Reflection.Emit.OpCodes]::Ldc_I4, $Segment)
    $code.Emit([System.Reflection.Emit.OpCodes]::Ldelem_Ref)
    $code.Emit([System.Reflection.Emit.OpCodes]::Ret)
    $Builder.DefineProperty($Name, 'None', [string], $null).SetGetMethod($getter)
}

# Defines the types. From here on, they are in this process.
function Initialize-DotNetModels {
    $null = (New-ModelBuilder PsApiManagementContext ([ordered] @{ ResourceGroupName = [string]; ServiceName = [string] })).CreateType()
    $authorization = (New-ModelBuilder PsApiManagementAuthorizationHeaderCredential ([ordered] @{ Scheme = [string]; Parameter = [string] })).CreateType()
    $credential = (New-ModelBuilder PsApiManagementBackendCredential ([ordered] @{
                Certificate = [System.Collections.Generic.IEnumerable[string]]; Query = [hashtable]; Header = [hashtable]; Authorization = $authorization
            })).CreateType()
    $proxy = (New-ModelBuilder PsApiManagementBackendProxy ([ordered] @{ Url = [string]; ProxyCredentials = [pscredential] })).CreateType()
    $cluster = (New-ModelBuilder PsApiManagementServiceFabric ([ordered] @{
                ClientCertificateThumbprint = [string]; ClientCertificateId = [string]; MaxPartitionResolutionRetries = [Nullable[int]]
                ManagementEndpoints = [string[]]; ServerX509Names = [hashtable]; ServerCertificateThumbprint = [string[]]
            })).CreateType()
    $resource = New-ModelBuilder PsApiManagementArmResource ([ordered] @{ Id = [string] })
    Add-SegmentProperty $resource ResourceGroupName 4
    Add-SegmentProperty $resource ServiceName 8
    $backend = New-ModelBuilder PsApiManagementBackend ([ordered] @{
            BackendId = [string]; Protocol = [string]; ResourceId = [string]; Title = [string]; Description = [string]; Url = [string]
            Properties = [System.Collections.Generic.IDictionary[string, object]]; Proxy = $proxy; Credentials = $credential; ServiceFabricCluster = $cluster
        })
    $backend.SetParent($resource.CreateType())
    $null = $backend.CreateType()
}

# An object of one of these types, with these values.
function New-DotNetModel {
    param([string] $Name, [hashtable] $Values)

    $object = $script:ModelBuilder.Assembly.GetType("$script:Models$Name")::new()
    foreach ($value in $Values.GetEnumerator()) {
        $object.($value.Key) = $value.Value
    }
    $object
}
