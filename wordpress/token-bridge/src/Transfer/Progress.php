<?php
/**
 * The progress of the first transfer.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Transfer;

defined( 'ABSPATH' ) || exit;

/**
 * How many users and packages were sent, stored in an option.
 */
final class Progress {

	public const NAME = 'token_bridge_transfer';

	public const IDLE    = 'idle';
	public const RUNNING = 'running';
	public const DONE    = 'done';

	/** @var array<string, mixed> */
	private $values;

	/**
	 * @param array<string, mixed> $values The stored values.
	 */
	private function __construct( array $values ) {
		$this->values = $values;
	}

	public static function load(): self {
		wp_cache_delete( self::NAME, 'options' );
		$stored = get_option( self::NAME, [] );
		return new self( is_array( $stored ) ? $stored : [] );
	}

	/**
	 * Returns the progress of a transfer that begins.
	 *
	 * @param array<string, int> $totals The number of items of each kind.
	 */
	public static function begin( array $totals ): self {
		$kinds = [];
		foreach ( $totals as $kind => $total ) {
			$kinds[ $kind ] = [
				'total'   => $total,
				'done'    => 0,
				'refused' => 0,
				'after'   => 0,
				'is_done' => false,
			];
		}
		return new self(
			[
				'state'   => self::RUNNING,
				'kinds'   => $kinds,
				'problem' => '',
			]
		);
	}

	public function save(): void {
		update_option( self::NAME, $this->values, false );
	}

	public static function clear(): void {
		delete_option( self::NAME );
	}

	public function state(): string {
		return (string) ( $this->values['state'] ?? self::IDLE );
	}

	/**
	 * Returns the sentence of the last failed attempt; empty after a success.
	 */
	public function problem(): string {
		return (string) ( $this->values['problem'] ?? '' );
	}

	/**
	 * Returns total, done and refused items by kind.
	 *
	 * @return array<string, array{total: int, done: int, refused: int, after: int, is_done: bool}>
	 */
	public function kinds(): array {
		return (array) ( $this->values['kinds'] ?? [] );
	}

	/**
	 * Returns the first kind that is not done; null at the end.
	 */
	public function current(): ?string {
		foreach ( $this->kinds() as $kind => $values ) {
			if ( ! $values['is_done'] ) {
				return $kind;
			}
		}
		return null;
	}

	public function after( string $kind ): int {
		return $this->kinds()[ $kind ]['after'];
	}

	/**
	 * Adds a page that was sent.
	 */
	public function add( string $kind, int $sent, int $refused, int $after ): void {
		$values                          = $this->kinds()[ $kind ];
		$values['done']                 += $sent;
		$values['refused']              += $refused;
		$values['after']                 = $after;
		$values['total']                 = max( $values['total'], $values['done'] );
		$this->values['kinds'][ $kind ] = $values;
		$this->values['problem']        = '';
	}

	public function finish( string $kind ): void {
		$this->values['kinds'][ $kind ]['is_done'] = true;
		if ( null === $this->current() ) {
			$this->values['state'] = self::DONE;
		}
	}

	public function fail( string $problem ): void {
		$this->values['problem'] = $problem;
	}
}
