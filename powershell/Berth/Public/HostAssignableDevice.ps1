# SPDX-License-Identifier: LGPL-2.1-or-later
# GPUs of hosts: taken from their hosts, given back, into pools, and out of them.

function Get-VMHostAssignableDevice {
    <#
    .SYNOPSIS
        Lists the GPUs that were dismounted from their hosts.
    .DESCRIPTION
        Lists the GPUs of all hosts that VMs can be assigned: those that were dismounted, in a pool or not.
    .PARAMETER InstancePath
        Only the GPU with this instance path.
    .PARAMETER LocationPath
        Only the GPU with this location path: NODE/ADDRESS, such as node1/0000:65:00.0.
    .PARAMETER ResourcePoolName
        Only GPUs of these pools; wildcards are allowed. Primordial: those in no pool.
    .PARAMETER ComputerName
        Shows only what is on these hosts; wildcards are allowed.
    .PARAMETER CimSession
        Accepted for scripts that were written for Windows; a warning says that it changes nothing. The connection of Connect-Berth is used.
    .PARAMETER Credential
        Accepted for scripts that were written for Windows; a warning says that it changes nothing. Connect-Berth takes credentials.
    .PARAMETER Session
        The connections to use: objects or names of Connect-Berth. Default: the connection that the piped object came from, else the newest.
    .OUTPUTS
        Berth.HostAssignableDevice
    .EXAMPLE
        Get-VMHostAssignableDevice

        Lists all dismounted GPUs of the cluster.
    .EXAMPLE
        $gpu = Get-VMHostAssignableDevice | Where-Object Name -like *A40*
        Add-VMHostAssignableDevice -HostAssignableDevice $gpu -ResourcePoolName GpuChildPool

        Puts the GPUs of one model into a pool.
    #>
    [CmdletBinding()]
    [OutputType('Berth.HostAssignableDevice')]
    param(
        [string] $InstancePath,
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName device @args })]
        [string] $LocationPath,
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName pool @args })]
        [string[]] $ResourcePoolName,
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName node @args })]
        [string[]] $ComputerName,
        [object[]] $CimSession,
        [pscredential[]] $Credential,
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName session @args })]
        [object[]] $Session
    )
    Initialize-BerthCommand $PSCmdlet $PSBoundParameters
    try {
        foreach ($berth in Select-BerthConnection $PSBoundParameters) {
            $nodes = @(Resolve-BerthNodeName $berth $ComputerName)
            $wanted = @(Resolve-BerthDeviceParameter $berth $PSBoundParameters | ForEach-Object { "$($_.Node)/$($_.Address)" })
            $named = @($ResourcePoolName | Where-Object { $_ -and $_ -ne 'Primordial' })
            if ($named) {
                [void] (Select-BerthName $PSCmdlet @(Get-BerthItem $berth v1/pools) $named name 'GPU pool' 'no-such-pool')
            }
            Get-BerthItem $berth v1/gpus | Where-Object {
                $gpu = $_
                $gpu.state -in $script:DismountedStates -and (-not $nodes -or $gpu.node -in $nodes) -and
                (-not $wanted -or "$($gpu.node)/$($gpu.address)" -in $wanted) -and
                (-not $ResourcePoolName -or @($ResourcePoolName | Where-Object { ($gpu.pool ? $gpu.pool : 'Primordial') -like $_ }))
            } | ForEach-Object { ConvertTo-BerthHostDevice $berth $_ }
        }
    } catch {
        Write-BerthFailure $PSCmdlet $_ ($LocationPath ? $LocationPath : $InstancePath)
    }
}

function Dismount-VMHostAssignableDevice {
    <#
    .SYNOPSIS
        Takes a GPU from its host, so that VMs can be assigned it.
    .DESCRIPTION
        Unbinds the GPU from its host's driver, now and after every boot, and waits until that is done. Disabling the device
        first, as on Windows, is not necessary and does no harm.
    .PARAMETER InstancePath
        The instance path of the GPU, as Get-PnpDevice shows it.
    .PARAMETER LocationPath
        The location path of the GPU: NODE/ADDRESS, such as node1/0000:65:00.0.
    .PARAMETER Force
        Does not ask, and dismounts a GPU that its host uses or that cannot be reset.
    .PARAMETER Passthru
        Returns the object that was changed.
    .PARAMETER AsJob
        Does it in the background and returns a job.
    .PARAMETER ComputerName
        The host, as Windows wants it for each server. Must be a node; what is done holds for the whole cluster.
    .PARAMETER CimSession
        Accepted for scripts that were written for Windows; a warning says that it changes nothing. The connection of Connect-Berth is used.
    .PARAMETER Credential
        Accepted for scripts that were written for Windows; a warning says that it changes nothing. Connect-Berth takes credentials.
    .PARAMETER Session
        The connections to use: objects or names of Connect-Berth. Default: the connection that the piped object came from, else the newest.
    .EXAMPLE
        Dismount-VMHostAssignableDevice -LocationPath node1/0000:65:00.0 -Force

        Takes one GPU from node1.
    .EXAMPLE
        $gpus = Get-PnpDevice -PresentOnly | Where-Object Manufacturer -eq NVIDIA
        $gpus | Get-PnpDeviceProperty DEVPKEY_Device_LocationPaths | ForEach-Object {
            Dismount-VMHostAssignableDevice -LocationPath $_.Data[0] -Force
        }

        Takes all NVIDIA GPUs from all hosts.
    #>
    [CmdletBinding(SupportsShouldProcess, ConfirmImpact = 'High')]
    [OutputType('Berth.HostAssignableDevice')]
    param(
        [Parameter(ValueFromPipelineByPropertyName)]
        [Alias('InstanceId')]
        [string] $InstancePath,
        [Parameter(ValueFromPipelineByPropertyName)]
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName device @args })]
        [string] $LocationPath,
        [switch] $Force,
        [switch] $Passthru,
        [switch] $AsJob,
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
        if (Test-BerthForce $PSBoundParameters) {
            $ConfirmPreference = 'None'
        }
        [void] (Test-BerthDeviceGiven $PSCmdlet $PSBoundParameters)
        try {
            Invoke-BerthDeviceOrder $PSCmdlet $PSBoundParameters dismount 'Dismount from its host' @{ force = [bool] $Force }
        } catch {
            Write-BerthFailure $PSCmdlet $_ ($LocationPath ? $LocationPath : $InstancePath)
        }
    }
}

function Mount-VMHostAssignableDevice {
    <#
    .SYNOPSIS
        Gives a GPU back to its host.
    .DESCRIPTION
        Gives a GPU that is in no pool back to its host's driver, and waits until that is done.
    .PARAMETER InstancePath
        The instance path of the GPU.
    .PARAMETER LocationPath
        The location path of the GPU: NODE/ADDRESS, such as node1/0000:65:00.0.
    .PARAMETER HostAssignableDevice
        GPUs of Get-VMHostAssignableDevice.
    .PARAMETER Passthru
        Returns the object that was changed.
    .PARAMETER AsJob
        Does it in the background and returns a job.
    .PARAMETER ComputerName
        The host, as Windows wants it for each server. Must be a node; what is done holds for the whole cluster.
    .PARAMETER CimSession
        Accepted for scripts that were written for Windows; a warning says that it changes nothing. The connection of Connect-Berth is used.
    .PARAMETER Credential
        Accepted for scripts that were written for Windows; a warning says that it changes nothing. Connect-Berth takes credentials.
    .PARAMETER Session
        The connections to use: objects or names of Connect-Berth. Default: the connection that the piped object came from, else the newest.
    .EXAMPLE
        Mount-VMHostAssignableDevice -LocationPath node1/0000:65:00.0

        Gives one GPU back to node1.
    .EXAMPLE
        Get-VMHostAssignableDevice -ComputerName node1 | Mount-VMHostAssignableDevice

        Gives all GPUs of node1 that are in no pool back.
    #>
    [CmdletBinding(SupportsShouldProcess, DefaultParameterSetName = 'Path')]
    [OutputType('Berth.HostAssignableDevice')]
    param(
        [Parameter(ParameterSetName = 'Path')]
        [string] $InstancePath,
        [Parameter(ParameterSetName = 'Path')]
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName device @args })]
        [string] $LocationPath,
        [Parameter(ParameterSetName = 'Object', Mandatory, Position = 0, ValueFromPipeline)]
        [psobject[]] $HostAssignableDevice,
        [switch] $Passthru,
        [switch] $AsJob,
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
        [void] (Test-BerthDeviceGiven $PSCmdlet $PSBoundParameters)
        try {
            Invoke-BerthDeviceOrder $PSCmdlet $PSBoundParameters mount 'Give back to its host' @{}
        } catch {
            Write-BerthFailure $PSCmdlet $_ ($LocationPath ? $LocationPath : $InstancePath)
        }
    }
}

function Add-VMHostAssignableDevice {
    <#
    .SYNOPSIS
        Puts GPUs into a pool.
    .DESCRIPTION
        Puts dismounted GPUs of any hosts into a pool. All of them join in one step, or none does. GPUs that are in the pool
        already stay there: running the command on each server, as Windows wants it, does no harm.
    .PARAMETER HostAssignableDevice
        GPUs of Get-VMHostAssignableDevice.
    .PARAMETER InstancePath
        The instance path of a GPU.
    .PARAMETER LocationPath
        The location path of a GPU: NODE/ADDRESS, such as node1/0000:65:00.0.
    .PARAMETER ResourcePoolName
        The pool.
    .PARAMETER Force
        Does not ask.
    .PARAMETER ComputerName
        The host, as Windows wants it for each server. Must be a node; what is done holds for the whole cluster.
    .PARAMETER CimSession
        Accepted for scripts that were written for Windows; a warning says that it changes nothing. The connection of Connect-Berth is used.
    .PARAMETER Credential
        Accepted for scripts that were written for Windows; a warning says that it changes nothing. Connect-Berth takes credentials.
    .PARAMETER Session
        The connections to use: objects or names of Connect-Berth. Default: the connection that the piped object came from, else the newest.
    .EXAMPLE
        $gpu = Get-VMHostAssignableDevice
        Add-VMHostAssignableDevice -HostAssignableDevice $gpu -ResourcePoolName GpuChildPool

        Puts all dismounted GPUs into the pool.
    .EXAMPLE
        Get-VMHostAssignableDevice | Where-Object Model -eq 10de:2235 | Add-VMHostAssignableDevice -ResourcePoolName GpuChildPool

        Puts the GPUs of one model into the pool.
    #>
    [CmdletBinding(SupportsShouldProcess, DefaultParameterSetName = 'Path')]
    param(
        [Parameter(ParameterSetName = 'Object', Mandatory, Position = 0, ValueFromPipeline)]
        [psobject[]] $HostAssignableDevice,
        [Parameter(ParameterSetName = 'Path')]
        [string] $InstancePath,
        [Parameter(ParameterSetName = 'Path')]
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName device @args })]
        [string] $LocationPath,
        [Parameter(Mandatory)]
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName pool @args })]
        [string[]] $ResourcePoolName,
        [switch] $Force,
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName node @args })]
        [string[]] $ComputerName,
        [object[]] $CimSession,
        [pscredential[]] $Credential,
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName session @args })]
        [object[]] $Session
    )
    begin {
        Initialize-BerthCommand $PSCmdlet $PSBoundParameters
        $given = [System.Collections.Generic.List[object]]::new()
    }
    process {
        $HostAssignableDevice | Where-Object { $_ } | ForEach-Object { $given.Add($_) }
    }
    end {
        if (Test-BerthForce $PSBoundParameters) {
            $ConfirmPreference = 'None'
        }
        $PSBoundParameters['HostAssignableDevice'] = $given.ToArray()
        [void] (Test-BerthDeviceGiven $PSCmdlet $PSBoundParameters)
        foreach ($pool in $ResourcePoolName) {
            try {
                foreach ($berth in Select-BerthConnection $PSBoundParameters $given) {
                    $devices = @(Resolve-BerthDeviceParameter $berth $PSBoundParameters)
                    Add-BerthPoolMember $PSCmdlet $berth $pool $devices
                }
            } catch {
                Write-BerthFailure $PSCmdlet $_ $pool
            }
        }
    }
}

function Remove-VMHostAssignableDevice {
    <#
    .SYNOPSIS
        Takes GPUs out of a pool.
    .DESCRIPTION
        Takes GPUs that no VM holds out of a pool. They stay dismounted.
    .PARAMETER HostAssignableDevice
        GPUs of Get-VMHostAssignableDevice.
    .PARAMETER InstancePath
        The instance path of a GPU.
    .PARAMETER LocationPath
        The location path of a GPU: NODE/ADDRESS, such as node1/0000:65:00.0.
    .PARAMETER ResourcePoolName
        The pool. Default: the one that the GPU is in.
    .PARAMETER Force
        Does not ask.
    .PARAMETER ComputerName
        The host, as Windows wants it for each server. Must be a node; what is done holds for the whole cluster.
    .PARAMETER CimSession
        Accepted for scripts that were written for Windows; a warning says that it changes nothing. The connection of Connect-Berth is used.
    .PARAMETER Credential
        Accepted for scripts that were written for Windows; a warning says that it changes nothing. Connect-Berth takes credentials.
    .PARAMETER Session
        The connections to use: objects or names of Connect-Berth. Default: the connection that the piped object came from, else the newest.
    .EXAMPLE
        Get-VMHostAssignableDevice -ComputerName node1 | Remove-VMHostAssignableDevice -ResourcePoolName GpuChildPool

        Takes the GPUs of node1 out of the pool.
    #>
    [CmdletBinding(SupportsShouldProcess, DefaultParameterSetName = 'Path')]
    param(
        [Parameter(ParameterSetName = 'Object', Mandatory, Position = 0, ValueFromPipeline)]
        [psobject[]] $HostAssignableDevice,
        [Parameter(ParameterSetName = 'Path')]
        [string] $InstancePath,
        [Parameter(ParameterSetName = 'Path')]
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName device @args })]
        [string] $LocationPath,
        [ArgumentCompleter({ & (Get-Module Berth) Complete-BerthName pool @args })]
        [string[]] $ResourcePoolName,
        [switch] $Force,
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
        if (Test-BerthForce $PSBoundParameters) {
            $ConfirmPreference = 'None'
        }
        [void] (Test-BerthDeviceGiven $PSCmdlet $PSBoundParameters)
        try {
            foreach ($berth in Select-BerthConnection $PSBoundParameters $HostAssignableDevice) {
                $gpus = @(Get-BerthItem $berth v1/gpus)
                foreach ($device in Resolve-BerthDeviceParameter $berth $PSBoundParameters) {
                    $gpu = $gpus | Where-Object { $_.node -eq $device.Node -and $_.address -eq $device.Address }
                    foreach ($pool in $ResourcePoolName ? $ResourcePoolName : @($gpu.pool ?? '')) {
                        Remove-BerthPoolMember $PSCmdlet $berth $pool $device
                    }
                }
            }
        } catch {
            Write-BerthFailure $PSCmdlet $_ ($LocationPath ? $LocationPath : $HostAssignableDevice)
        }
    }
}
