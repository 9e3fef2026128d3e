@{
    RootModule           = 'AzApiManagement.BackendConnection.psm1'
    ModuleVersion        = '0.1.0'
    GUID                 = '5b0f6d0a-7c33-4d5e-9a3c-0e6f2d1b8a47'
    Author               = 'The AzApiManagement.BackendConnection developers'
    CompanyName          = 'Community'
    Copyright            = '(c) The AzApiManagement.BackendConnection developers. Licensed under MIT or Apache-2.0.'
    Description          = 'Reset-AzApiManagementBackendConnection: tells an Azure API Management gateway to drop its pooled connections to a backend and connect anew, for one backend or for thousands.'
    PowerShellVersion    = '7.4'
    CompatiblePSEditions = @('Core')
    FunctionsToExport    = @('Reset-AzApiManagementBackendConnection')
    CmdletsToExport      = @()
    VariablesToExport    = @()
    AliasesToExport      = @()
    PrivateData          = @{
        PSData = @{
            Tags = @('Azure', 'APIM', 'ApiManagement', 'PSEdition_Core', 'Windows', 'Linux', 'MacOS')
        }
    }
}
