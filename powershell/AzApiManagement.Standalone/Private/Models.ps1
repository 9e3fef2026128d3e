# Objects and errors, made by the main module's functions.

# An object of Az's: of the real type where Az.ApiManagement is loaded, else a custom object of its type name.
function New-Model {
    param([string] $Name, [System.Collections.Specialized.OrderedDictionary] $Members)

    & (Get-Main) { Import-Rest; New-AzModel @args } $Name $Members
}

function New-InputError {
    param([string] $Id, [string] $Message, [object] $Target)

    & (Get-Main) { Import-Rest; New-PlainErrorRecord $args[0] InvalidArgument $args[1] $args[2] } $Id $Message $Target
}

# What is wrong with the shape of a credential, as an error record; nothing where it can be sent.
function Get-CredentialProblem {
    param([object] $Credential)

    & (Get-Main) {
        param($Credential)

        Import-Rest
        try {
            $null = ConvertTo-CredentialJson $Credential
        } catch [ArgumentException] {
            New-PlainErrorRecord $_.FullyQualifiedErrorId InvalidArgument $_.Exception.Message $null
        }
    } $Credential
}
