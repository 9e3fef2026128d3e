# AzApiManagement.Standalone: the cmdlets for those without Az.ApiManagement, and the ways in which the module is imported.

. "$PSScriptRoot/Setup.ps1"
. "$PSScriptRoot/Process.ps1"

Test 'a context of names, and of the id of anything in the service' {
    Import-Module AzApiManagement.Standalone
    $context = New-AzApiManagementContext -ResourceGroupName Api-Default-WestUS -ServiceName contoso
    Assert-Equal $context.PSObject.TypeNames[0] "${Models}PsApiManagementContext" 'type name'
    $of = [pscustomobject] @{ ResourceId = (Get-BackendResourceId 7).ToUpperInvariant() } | New-AzApiManagementContext
    Assert-Equal $of.ResourceGroupName, $of.ServiceName 'API-DEFAULT-WESTUS', 'CONTOSO' 'names'
    $problem = Assert-WritesError { New-AzApiManagementContext -ResourceId '/subscriptions/s/resourceGroups/g' }
    Assert-Equal $problem.FullyQualifiedErrorId 'InvalidResourceId,New-AzApiManagementContext' 'error id'
}

Test 'one backend, by name and by id, and all of them' {
    Import-Module AzApiManagement.Standalone
    $context = New-Context
    Assert-Equal (Get-AzApiManagementBackend -Context $context -BackendId 7).BackendId '7' 'by name'
    Assert-Equal (Get-AzApiManagementBackend -ResourceId (Get-BackendResourceId 8)).BackendId '8' 'by id'
    Assert-Equal (Get-Sent) 'GET 7', 'GET 8' 'sent'
    $all = @($context | Get-AzApiManagementBackend)
    Assert-Equal $all[0].BackendId, $all[-1].BackendId '1', "$($all.Count)" 'names'
    $problem = Assert-WritesError { Get-AzApiManagementBackend -Context $context -BackendId nowhere }
    Assert-Equal $problem.FullyQualifiedErrorId 'ResourceNotFound,Get-AzApiManagementBackend' 'error id'
}

Test 'it works where another module has imported it for itself' {
    [System.IO.File]::WriteAllText("$env:TEST_SCRATCH/Wrapper.psm1", @'
Import-Module AzApiManagement.Standalone
function Get-One { param($Context) Get-AzApiManagementBackend -Context $Context -BackendId 7 | Reset-AzApiManagementBackendConnection -PassThru }
function Get-OneContext { New-AzApiManagementContext -ResourceGroupName Api-Default-WestUS -ServiceName contoso }
'@)
    $told = Invoke-Script "Import-Module '$env:TEST_SCRATCH/Wrapper.psm1'
(Get-One (Get-OneContext)).BackendId"
    Assert-Equal $told.Errors '' 'errors'
    Assert-Equal $told.Output.TrimEnd() '7' 'told'
}

Test 'beside another version of the main module it uses the one that it requires' {
    $modules = "$env:TEST_SCRATCH/two versions"
    $main = @(Get-Module AzApiManagement.BackendConnection)[0]
    foreach ($from in $main.ModuleBase, "$($main.ModuleBase)/../AzApiManagement.Standalone") {
        foreach ($file in [System.IO.Directory]::GetFiles($from, '*.ps*', 'AllDirectories')) {
            foreach ($version in '0.1.0', '9.0.0') {
                $to = "$modules/$([System.IO.Path]::GetFileName([System.IO.Path]::GetFullPath($from)))/$version/$([System.IO.Path]::GetRelativePath($from, $file))"
                $null = [System.IO.Directory]::CreateDirectory([System.IO.Path]::GetDirectoryName($to))
                [System.IO.File]::Copy($file, $to)
            }
        }
    }
    # The other version has nothing in common with this one; Standalone has one version.
    [System.IO.Directory]::Delete("$modules/AzApiManagement.Standalone/9.0.0", $true)
    $other = "$modules/AzApiManagement.BackendConnection/9.0.0"
    [System.IO.File]::WriteAllText("$other/$($main.Name).psm1", 'function Reset-AzApiManagementBackendConnection { }')
    $manifest = [System.IO.File]::ReadAllText("$other/$($main.Name).psd1").Replace("'$($main.Version)'", "'9.0.0'")
    [System.IO.File]::WriteAllText("$other/$($main.Name).psd1", $manifest)

    $library = @([System.IO.Directory]::GetFiles("$($main.ModuleBase)/runtimes", '*apim_backend_connection.*', 'AllDirectories'))[0]
    $told = Invoke-Script "Import-Module AzApiManagement.BackendConnection
Import-Module AzApiManagement.Standalone
[string]::Join(' ', @((Get-Module AzApiManagement.BackendConnection).Version))
. '$($PSScriptRoot.Replace("'", "''"))/Models.ps1'
(Get-AzApiManagementBackend -Context (New-Context) -BackendId 7).BackendId" @{ PSModulePath = $modules; AZAPIM_NATIVE_LIBRARY = $library }
    Assert-Equal $told.Errors '' 'errors'
    Assert-Equal ($told.Output.TrimEnd() -split '\r?\n') "9.0.0 $($main.Version)", '7' 'told'
}

Test 'importing it warns where Az.ApiManagement is installed, and there only' {
    $installed = "$env:TEST_SCRATCH/with Az"
    $null = [System.IO.Directory]::CreateDirectory("$installed/Az.ApiManagement")
    $separator = [System.IO.Path]::PathSeparator
    $told = Invoke-Script 'Import-Module AzApiManagement.Standalone 3>&1 | ForEach-Object { "$_" }' @{ PSModulePath = "$env:PSModulePath$separator$separator$installed" }
    Assert-Equal $told.Errors '' 'errors'
    Assert-Contains $told.Output "Az.ApiManagement is installed in '$installed'"
    $told = Invoke-Script 'Import-Module AzApiManagement.Standalone'
    Assert-Equal "$($told.Output)$($told.Errors)" '' 'told where it is not installed'
}
