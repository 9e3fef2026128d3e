@{
    RootModule           = 'AzApiManagement.Standalone.psm1'
    ModuleVersion        = '0.1.0'
    GUID                 = 'a3516bdf-2e73-4fa4-b5bb-73fcf2141323'
    Author               = 'The AzApiManagement.BackendConnection developers'
    CompanyName          = 'Community'
    Copyright            = '(c) The AzApiManagement.BackendConnection developers. Licensed under MIT or Apache-2.0.'
    Description          = 'For those without Az.ApiManagement: its cmdlets that AzApiManagement.BackendConnection takes its input from, with the same parameters and objects.'
    PowerShellVersion    = '7.4'
    CompatiblePSEditions = @('Core')
    # Exactly this one: its private functions are used.
    RequiredModules      = @(@{ ModuleName = 'AzApiManagement.BackendConnection'; RequiredVersion = '0.1.0' })
    FunctionsToExport    = @('New-AzApiManagementContext', 'Get-AzApiManagementBackend', 'New-AzApiManagementBackendCredential', 'New-AzApiManagementBackendProxy')
    FormatsToProcess     = @('AzApiManagement.Standalone.Format.ps1xml')
    CmdletsToExport      = @()
    VariablesToExport    = @()
    AliasesToExport      = @()
    PrivateData          = @{
        PSData = @{
            Tags = @('Azure', 'APIM', 'ApiManagement', 'PSEdition_Core', 'Windows', 'Linux', 'MacOS')
        }
    }
}
