import javax.persistence.Column;
import javax.persistence.Entity;
import javax.persistence.GeneratedValue;
import javax.persistence.GenerationType;
import javax.persistence.Id;
import javax.persistence.Table;
import org.eclipse.persistence.annotations.ReturnInsert;

@Entity
@Table(name = "receipts")
class Receipt {
    @Id
    @GeneratedValue(strategy = GenerationType.IDENTITY)
    Long id;

    String customer;

    @ReturnInsert(returnOnly = true)
    @Column(unique = true, updatable = false)
    Long number;
}
