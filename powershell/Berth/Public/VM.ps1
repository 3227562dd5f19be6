# SPDX-License-Identifier: LGPL-2.1-or-later
# VMs: list, prepare, start, stop.

function Get-VM {
    <#
    .SYNOPSIS
        Lists VMs.
    .DESCRIPTION
        Lists the VMs of the cluster, on whatever host they run.
    .PARAMETER Name
        Only VMs of these names; wildcards are allowed.
    .PARAMETER Id
        Only VMs with these IDs.
    .PARAMETER ClusterObject
        Only VMs of these groups, nodes or resources, as Get-ClusterGroup and its siblings return them.
    .PARAMETER ComputerName
        Shows only what is on these hosts; wildcards are allowed.
    .PARAMETER CimSession
        Accepted for scripts that were written for Windows; a warning says that it changes nothing. The connection of Connect-Berth is used.
    .PARAMETER Credential
        Accepted for scripts that were written for Windows; a warning says that it changes nothing. Connect-Berth takes credentials.
    .PARAMETER Session
        The connections to use: objects or names of Connect-Berth. Default: the connection that the piped object came from, else the newest.
    .OUTPUTS
        Berth.VirtualMachine
    .EXAMPLE
        Get-VM

        Lists all VMs.
    .EXAMPLE
        Get-VM train* | Where-Object State -eq Off | Start-VM

        Starts VMs that are off.
    #>
    [CmdletBinding(DefaultParameterSetName = 'Name')]
    [OutputType('Berth.VirtualMachine')]
    param(
        [Parameter(ParameterSetName = 'Name', Position = 0, ValueFromPipeline)]
        [Alias('VMName')]
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName vm @args })]
        [string[]] $Name,
        [Parameter(ParameterSetName = 'Id', Mandatory)]
        [Alias('VMId', 'InstanceId')]
        [guid[]] $Id,
        [Parameter(ParameterSetName = 'ClusterObject', Mandatory)]
        [psobject] $ClusterObject,
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName node @args })]
        [string[]] $ComputerName,
        [object[]] $CimSession,
        [pscredential[]] $Credential,
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName session @args })]
        [object[]] $Session
    )
    begin {
        Initialize-BerthCommand $PSCmdlet $PSBoundParameters
    }
    process {
        try {
            foreach ($berth in Select-BerthConnection $PSBoundParameters $ClusterObject) {
                $nodes = @(Resolve-BerthNodeName $berth $ComputerName)
                if ($ClusterObject.PSTypeNames -contains 'Berth.ClusterNode') {
                    $nodes = @($ClusterObject.Name)
                } elseif ($ClusterObject) {
                    $Name = @(Get-BerthVMName $ClusterObject)
                } elseif ($Id) {
                    $Name = @(Resolve-BerthVMName $berth @() $Id)
                }
                $list = @(Get-BerthItem $berth v1/vms | Where-Object { -not $nodes -or $_.node -in $nodes })
                $chosen = @(Select-BerthName $PSCmdlet $list $Name name VM 'no-such-vm')
                $specs = if ($chosen.Count -gt 1) { (Invoke-BerthRest $berth GET v1/cluster/export).configuration.vms }
                foreach ($vm in $chosen) {
                    $spec = if ($specs) { $specs.($vm.name) } else { (Get-BerthVMWhole $berth $vm.name).spec }
                    ConvertTo-BerthVM $berth $vm $spec
                }
            }
        } catch {
            Write-BerthFailure $PSCmdlet $_ $Name
        }
    }
}

function Set-VM {
    <#
    .SYNOPSIS
        Prepares a VM for GPUs, as procedures for Windows do it.
    .DESCRIPTION
        Sets the 64-bit memory-mapped IO space of a VM. Berth computes it from the GPUs and sets cache types by itself, so a
        VM needs no preparation; the other parameters that procedures for Windows set are accepted. What a parameter does
        not mean here it says, and changes nothing.
    .PARAMETER Name
        The VMs; wildcards are allowed.
    .PARAMETER VM
        VMs of Get-VM.
    .PARAMETER HighMemoryMappedIoSpace
        The 64-bit memory-mapped IO space in bytes, such as 256GB. 0: Berth computes it, which is the default. A value that is
        too small for the GPUs changes nothing and gives a warning: the guest would see them fail with code 12.
    .PARAMETER LowMemoryMappedIoSpace
        Accepted; a warning says that it changes nothing: GPUs get 64-bit space here.
    .PARAMETER GuestControlledCacheTypes
        Accepted: always $true here. $false changes nothing and gives a warning.
    .PARAMETER AutomaticStopAction
        Accepted: TurnOff and ShutDown. Here the offline action of the VM (Set-ClusterParameter) decides how it is stopped.
        Save changes nothing and gives a warning, as the state of a GPU cannot be saved.
    .PARAMETER AutomaticStartAction
        Accepted; a warning says that it changes nothing: the cluster keeps a started VM running.
    .PARAMETER AutomaticStartDelay
        Accepted; a warning says that it changes nothing: the cluster starts VMs by priority.
    .PARAMETER CheckpointType
        Accepted: Disabled. The other values give a warning: a VM with GPUs has no checkpoints.
    .PARAMETER AutomaticCheckpointsEnabled
        Accepted: $false. $true gives a warning: a VM with GPUs has no checkpoints.
    .PARAMETER StaticMemory
        Accepted: memory is always static here.
    .PARAMETER DynamicMemory
        Accepted; a warning says that it changes nothing: a VM with GPUs has static memory.
    .PARAMETER MemoryStartupBytes
        Accepted; a warning says that it changes nothing: memory is in the domain XML of the VM.
    .PARAMETER ProcessorCount
        Accepted; a warning says that it changes nothing: CPUs are in the domain XML of the VM.
    .PARAMETER Notes
        Accepted; a warning says that it changes nothing.
    .PARAMETER Passthru
        Returns the object that was changed.
    .PARAMETER ComputerName
        The host, as Windows wants it for each server. Must be a node; what is done holds for the whole cluster.
    .PARAMETER CimSession
        Accepted for scripts that were written for Windows; a warning says that it changes nothing. The connection of Connect-Berth is used.
    .PARAMETER Credential
        Accepted for scripts that were written for Windows; a warning says that it changes nothing. Connect-Berth takes credentials.
    .PARAMETER Session
        The connections to use: objects or names of Connect-Berth. Default: the connection that the piped object came from, else the newest.
    .OUTPUTS
        Berth.VirtualMachine, with -Passthru
    .EXAMPLE
        Set-VM train1 -GuestControlledCacheTypes $true -LowMemoryMappedIoSpace 3GB -HighMemoryMappedIoSpace 64GB -AutomaticStopAction TurnOff

        As procedures for Windows do it. Only the 64-bit space changes something.
    .EXAMPLE
        Get-VM | Set-VM -HighMemoryMappedIoSpace 0

        Lets Berth compute it for all VMs.
    #>
    [CmdletBinding(SupportsShouldProcess, DefaultParameterSetName = 'Name')]
    [OutputType('Berth.VirtualMachine')]
    param(
        [Parameter(ParameterSetName = 'Name', Mandatory, Position = 0, ValueFromPipeline)]
        [Alias('VMName')]
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName vm @args })]
        [string[]] $Name,
        [Parameter(ParameterSetName = 'VM', Mandatory, Position = 0, ValueFromPipeline)]
        [PSTypeName('Berth.VirtualMachine')]
        [psobject[]] $VM,
        [uint64] $HighMemoryMappedIoSpace,
        [uint32] $LowMemoryMappedIoSpace,
        [bool] $GuestControlledCacheTypes,
        [ValidateSet('TurnOff', 'Save', 'ShutDown')]
        [string] $AutomaticStopAction,
        [ValidateSet('Nothing', 'StartIfRunning', 'Start')]
        [string] $AutomaticStartAction,
        [int] $AutomaticStartDelay,
        [ValidateSet('Disabled', 'Production', 'ProductionOnly', 'Standard')]
        [string] $CheckpointType,
        [bool] $AutomaticCheckpointsEnabled,
        [switch] $StaticMemory,
        [switch] $DynamicMemory,
        [long] $MemoryStartupBytes,
        [long] $ProcessorCount,
        [string] $Notes,
        [switch] $Passthru,
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName node @args })]
        [string[]] $ComputerName,
        [object[]] $CimSession,
        [pscredential[]] $Credential,
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName session @args })]
        [object[]] $Session
    )
    begin {
        Initialize-BerthCommand $PSCmdlet $PSBoundParameters
        Write-BerthVMPreparation $PSCmdlet $PSBoundParameters
    }
    process {
        $targets = @($Name) + @($VM)
        try {
            foreach ($berth in Select-BerthConnection $PSBoundParameters $VM) {
                [void] (Resolve-BerthNodeName $berth $ComputerName)
                foreach ($each in Resolve-BerthVMName $berth $targets) {
                    $whole = Get-BerthVMWhole $berth $each
                    if ($PSBoundParameters.ContainsKey('HighMemoryMappedIoSpace')) {
                        Set-BerthMmio $PSCmdlet $berth $whole $HighMemoryMappedIoSpace
                    }
                    if ($Passthru) { Show-BerthVM $berth $each }
                }
            }
        } catch {
            Write-BerthFailure $PSCmdlet $_ $targets
        }
    }
}

function Start-VM {
    <#
    .SYNOPSIS
        Starts VMs.
    .DESCRIPTION
        Starts VMs on whatever host has the GPUs they need, and waits until they run. If no host can run a VM now, that is an
        error that says why; the VM starts by itself as soon as one can.
    .PARAMETER Name
        The VMs; wildcards are allowed.
    .PARAMETER VM
        VMs of Get-VM.
    .PARAMETER AsJob
        Does it in the background and returns a job.
    .PARAMETER Passthru
        Returns the object that was changed.
    .PARAMETER ComputerName
        The host, as Windows wants it for each server. Must be a node; what is done holds for the whole cluster.
    .PARAMETER CimSession
        Accepted for scripts that were written for Windows; a warning says that it changes nothing. The connection of Connect-Berth is used.
    .PARAMETER Credential
        Accepted for scripts that were written for Windows; a warning says that it changes nothing. Connect-Berth takes credentials.
    .PARAMETER Session
        The connections to use: objects or names of Connect-Berth. Default: the connection that the piped object came from, else the newest.
    .OUTPUTS
        Berth.VirtualMachine, with -Passthru
    .EXAMPLE
        Start-VM train1

        Starts train1 and waits until it runs.
    .EXAMPLE
        Get-VM render* | Start-VM -AsJob | Receive-Job -Wait

        Starts VMs in the background.
    #>
    [CmdletBinding(SupportsShouldProcess, DefaultParameterSetName = 'Name')]
    [OutputType('Berth.VirtualMachine')]
    param(
        [Parameter(ParameterSetName = 'Name', Mandatory, Position = 0, ValueFromPipeline)]
        [Alias('VMName')]
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName vm @args })]
        [string[]] $Name,
        [Parameter(ParameterSetName = 'VM', Mandatory, Position = 0, ValueFromPipeline)]
        [PSTypeName('Berth.VirtualMachine')]
        [psobject[]] $VM,
        [switch] $AsJob,
        [switch] $Passthru,
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName node @args })]
        [string[]] $ComputerName,
        [object[]] $CimSession,
        [pscredential[]] $Credential,
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName session @args })]
        [object[]] $Session
    )
    begin {
        Initialize-BerthCommand $PSCmdlet $PSBoundParameters
        $queue = New-BerthQueue
    }
    process {
        Invoke-BerthVMOrder $PSCmdlet $PSBoundParameters $queue start 'Start' @{}
    }
    end {
        Start-BerthQueue $PSCmdlet $PSBoundParameters $queue
    }
}

function Stop-VM {
    <#
    .SYNOPSIS
        Stops VMs.
    .DESCRIPTION
        Stops VMs and waits until they are off. Their GPUs are free then. Without -TurnOff the guest is asked to shut down, and
        the VM's offline action decides what happens if it does not.
    .PARAMETER Name
        The VMs; wildcards are allowed.
    .PARAMETER VM
        VMs of Get-VM.
    .PARAMETER TurnOff
        Turns the VM off at once, like pulling its plug.
    .PARAMETER Force
        Does not ask.
    .PARAMETER Save
        The state of a GPU cannot be saved: an error, and nothing is changed.
    .PARAMETER AsJob
        Does it in the background and returns a job.
    .PARAMETER Passthru
        Returns the object that was changed.
    .PARAMETER ComputerName
        The host, as Windows wants it for each server. Must be a node; what is done holds for the whole cluster.
    .PARAMETER CimSession
        Accepted for scripts that were written for Windows; a warning says that it changes nothing. The connection of Connect-Berth is used.
    .PARAMETER Credential
        Accepted for scripts that were written for Windows; a warning says that it changes nothing. Connect-Berth takes credentials.
    .PARAMETER Session
        The connections to use: objects or names of Connect-Berth. Default: the connection that the piped object came from, else the newest.
    .OUTPUTS
        Berth.VirtualMachine, with -Passthru
    .EXAMPLE
        Stop-VM train1

        Shuts train1 down.
    .EXAMPLE
        Stop-VM train1 -TurnOff -Force

        Turns it off at once, without asking.
    #>
    [CmdletBinding(SupportsShouldProcess, DefaultParameterSetName = 'Name')]
    [OutputType('Berth.VirtualMachine')]
    param(
        [Parameter(ParameterSetName = 'Name', Mandatory, Position = 0, ValueFromPipeline)]
        [Alias('VMName')]
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName vm @args })]
        [string[]] $Name,
        [Parameter(ParameterSetName = 'VM', Mandatory, Position = 0, ValueFromPipeline)]
        [PSTypeName('Berth.VirtualMachine')]
        [psobject[]] $VM,
        [switch] $TurnOff,
        [switch] $Force,
        [switch] $Save,
        [switch] $AsJob,
        [switch] $Passthru,
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName node @args })]
        [string[]] $ComputerName,
        [object[]] $CimSession,
        [pscredential[]] $Credential,
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName session @args })]
        [object[]] $Session
    )
    begin {
        Initialize-BerthCommand $PSCmdlet $PSBoundParameters
        $queue = New-BerthQueue
        if ($Save) {
            $PSCmdlet.ThrowTerminatingError((New-BerthError 'cannot-save' 'The state of a VM with GPUs cannot be saved.' `
                        'NotImplemented' $null 'Stop it without -Save.'))
        }
        if (Test-BerthForce $PSBoundParameters) {
            $ConfirmPreference = 'None'
        }
    }
    process {
        Invoke-BerthVMOrder $PSCmdlet $PSBoundParameters $queue stop ($TurnOff ? 'Turn off' : 'Stop') @{ force = [bool] $TurnOff }
    }
    end {
        Start-BerthQueue $PSCmdlet $PSBoundParameters $queue
    }
}
